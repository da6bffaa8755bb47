import { readFileSync } from "node:fs";
import { homedir } from "node:os";
import { resolve } from "node:path";
import { z } from "zod";
import { QUEUES } from "../domain/queues.ts";
import { CARD_VARIABLES } from "./env-cards.ts";
import { DOWNLOAD_VARIABLES } from "./env-downloads.ts";
import {
  FEDERATION_VARIABLES,
  federationFaults,
  type FederationSettings,
  federationSettings,
} from "./env-federation.ts";
import { LIMIT_VARIABLES } from "./env-limits.ts";
import {
  MESSAGE_VARIABLES,
  messageFaults,
  type MessageSettings,
  messageSettings,
} from "./env-messages.ts";
import { PACKAGE_VARIABLES } from "./env-packages.ts";
import {
  PAYMENT_VARIABLES,
  paymentFaults,
  type PaymentSettings,
  paymentSettings,
} from "./env-payments.ts";
import { PROXY_VARIABLES } from "./env-proxies.ts";
import {
  givenLike,
  life,
  MACHINE,
  namesDatabase,
  openedHosts,
  origin,
  port,
  seconds,
  url,
  words,
} from "./env-rules.ts";

const DELIVERY_MODES = ["stream", "redirect", "accel"] as const;
/** Who sends the bytes of packages, after the API has checked everything. */
export type DeliveryMode = (typeof DELIVERY_MODES)[number];

/** Every variable the product reads: its rule, its meaning, and whether it is a secret (then `NAME_FILE` is read too). */
const VARIABLES = {
  NODE_ENV: {
    rule: z.enum(["development", "test", "production"]).default("development"),
    doc: "production refuses to start without its keys",
  },
  LONGHAUL_DATA: {
    rule: z.string().default("./data"),
    doc: "Folder of everything the embedded profile keeps",
  },
  LONGHAUL_CACHE: {
    rule: z.string().default(resolve(homedir(), ".cache/longhaul")),
    doc: "Folder of downloaded programs (default ~/.cache/longhaul)",
  },
  HOST: { rule: z.string().default("127.0.0.1"), doc: "Address the API listens on" },
  PORT: { rule: port.default(3000), doc: "Port the API listens on" },
  PUBLIC_URL: {
    rule: url.optional(),
    doc: "Address under which clients reach the API (default http://HOST:PORT)",
  },
  CORS_ORIGINS: {
    rule: words.pipe(z.array(origin)).default([]),
    doc: "Origins whose pages may call the API, separated by commas",
  },
  TRUST_PROXY: {
    rule: z.coerce.number().int().min(0).max(9).default(0),
    doc: "How many reverse proxies stand before the API; their X-Forwarded-For is believed",
  },
  PATH: {
    rule: z.string().default("/usr/local/bin:/usr/bin:/bin"),
    doc: "Folders where programs are looked for",
  },
  LOG_LEVEL: {
    rule: z.enum(["trace", "debug", "info", "warn", "error"]).default("info"),
    doc: "Least level that is logged",
  },
  ...DOWNLOAD_VARIABLES,
  TEMPORAL_ADDRESS: {
    rule: z
      .string()
      .regex(/^[^\s/]+:\d+$/, "must be host:port")
      .optional(),
    doc: "host:port of a Temporal server; without it the embedded one is started. TEMPORAL_API_KEY, TEMPORAL_TLS_* and the profiles of temporal-config/temporal.toml are read by Temporal's own loader",
  },
  TEMPORAL_NAMESPACE: {
    rule: z
      .string()
      .regex(/^[A-Za-z0-9][\w.-]+$/, "must consist of letters, digits, and . _ - inside")
      .default("longhaul"),
    doc: "Temporal namespace",
  },
  TEMPORAL_CLI: {
    rule: z.string().optional(),
    doc: "Path of a temporal binary for the embedded server",
  },
  TEMPORAL_PORT: { rule: port.default(7233), doc: "Port of the embedded Temporal server" },
  TEMPORAL_UI_PORT: { rule: port.default(8233), doc: "Port of the embedded Temporal Web UI" },
  TEMPORAL_UI_URL: {
    rule: url.optional(),
    doc: "Address of Temporal's Web UI for links (default http://127.0.0.1:TEMPORAL_UI_PORT)",
  },
  WORKER_QUEUES: {
    rule: words.pipe(z.array(z.enum(QUEUES)).min(1)).default(Object.values(QUEUES)),
    doc: "Task queues this worker serves (default orchestrator,io,build)",
  },
  WORKER_METRICS_PORT: {
    rule: port.optional(),
    doc: "Port of the worker's Prometheus metrics; none when not given (npm start picks 9464)",
  },
  BUILD_SLOTS: {
    rule: z.coerce.number().int().min(1).max(64).default(2),
    doc: "How many shell tools one worker runs at a time",
  },
  BACKGROUND_NICENESS: {
    rule: z.coerce.number().int().min(0).max(19).default(10),
    doc: "How far npm start puts the worker and its Temporal behind the API when cores are scarce: from 0, not at all, to 19",
  },
  SHUTDOWN_GRACE: {
    rule: seconds.default(60),
    doc: "How long a stopping worker lets running tools finish",
  },
  ADMIN_USERNAME: {
    rule: z.string().min(3).max(50).default("admin"),
    doc: "User name of the first administrator",
  },
  ADMIN_PASSWORD: {
    rule: z.string().min(8).max(200).optional(),
    secret: true,
    doc: "Password of the first administrator, used at the first start; made and shown once when not given",
  },
  DATABASE_URL: {
    rule: z
      .string()
      .regex(/^(mysql|mariadb):\/\//, "must begin with mysql://")
      .refine(
        namesDatabase,
        "must be mysql://user:password@host:port/database, special characters as %XX",
      )
      .optional(),
    secret: true,
    doc: "mysql://user:password@host:port/database; without it SQLite in the data folder",
  },
  REDIS_URL: {
    rule: z
      .string()
      .regex(/^rediss?:\/\//, "must begin with redis:// or rediss://")
      .refine(
        (text) => URL.canParse(text),
        "must be redis://[:password@]host:port[/db], special characters as %XX",
      )
      .optional(),
    secret: true,
    doc: "redis://[:password@]host:port[/db]; without it events and limits live in the process",
  },
  S3_ENDPOINT: {
    rule: url.optional(),
    doc: "Address of an S3 server; without it objects live in the data folder",
  },
  S3_PUBLIC_URL: {
    rule: url.optional(),
    doc: "Address under which clients reach the S3 server, for DELIVERY=redirect (default S3_ENDPOINT)",
  },
  S3_REGION: { rule: z.string().default("us-east-1"), doc: "Region of the S3 server" },
  S3_BUCKET: { rule: z.string().min(3).max(63).optional(), doc: "Bucket for all objects" },
  S3_ACCESS_KEY_ID: { rule: z.string().optional(), secret: true, doc: "S3 access key" },
  S3_SECRET_ACCESS_KEY: { rule: z.string().optional(), secret: true, doc: "S3 secret key" },
  SECRET_KEY: {
    rule: z.string().min(32, "must have at least 32 characters").optional(),
    secret: true,
    doc: "Signs tokens and links, seals secrets; made in the data folder when not given",
  },
  SIGNING_KEYSTORE: {
    rule: z.string().optional(),
    doc: "Keystore (PKCS#12 or JKS) that signs APKs; made in the data folder when not given",
  },
  SIGNING_KEYSTORE_PASSWORD: {
    rule: z.string().min(6).optional(),
    secret: true,
    doc: "Password of the keystore",
  },
  SIGNING_KEY_ALIAS: {
    rule: z.string().default("longhaul"),
    doc: "Name of the key in the keystore",
  },
  ...PACKAGE_VARIABLES,
  ...CARD_VARIABLES,
  DELIVERY: {
    rule: z.enum(DELIVERY_MODES).default("stream"),
    doc: "Who sends the bytes of packages: stream is the API, redirect the S3 server by an address good for a minute, accel the nginx before the API (docs/operations/delivery.md)",
  },
  PUBLICATION_CHECK_URL: {
    rule: url.optional(),
    doc: "Address through which a publication is checked, the CDN's (default PUBLIC_URL)",
  },
  PURGE_URL: {
    rule: url.optional(),
    doc: 'Called by POST {"urls": [...]} after each switch of a link; nothing is purged when neither this nor CLOUDFLARE_ZONE_ID is given',
  },
  CLOUDFLARE_ZONE_ID: {
    rule: z
      .string()
      .regex(/^[0-9a-f]{32}$/, "must be the 32 hexadecimal digits of the zone's overview page")
      .optional(),
    doc: "Zone of the Cloudflare account that serves PUBLIC_URL; what it keeps is purged after each switch of a link",
  },
  CLOUDFLARE_API_TOKEN: {
    rule: z.string().min(1).optional(),
    secret: true,
    doc: "Cloudflare API token with the right Zone.Cache Purge on the zone",
  },
  CLOUDFLARE_API_URL: {
    rule: url.default("https://api.cloudflare.com/client/v4"),
    doc: "Address of Cloudflare's API",
  },
  ...MESSAGE_VARIABLES,
  BREACHED_PASSWORDS: {
    rule: z.string().optional(),
    doc: "Path of a file of passwords that are known from breaches, one a line, which nobody may choose",
  },
  OUTBOUND_ALLOW: {
    rule: openedHosts.default([]),
    doc: "Hosts that webhooks may reach although they are private, as host or host:port, separated by commas",
  },
  FAULT_ORDER: {
    rule: z.string().optional(),
    doc: "For tests: file that names the point at which a worker kills itself. Refused in production",
  },
  ...FEDERATION_VARIABLES,
  ...LIMIT_VARIABLES,
  ...PAYMENT_VARIABLES,
  ...PROXY_VARIABLES,
  ACCESS_TTL: { rule: life.default(1800), doc: "Life of an access token" },
  REFRESH_TTL: { rule: life.default(604_800), doc: "Life of a sign-in" },
} as const satisfies Record<string, { rule: z.ZodType; doc: string; secret?: boolean }>;

type Name = keyof typeof VARIABLES;
/** The names of all variables the product reads. */
export const VARIABLE_NAMES = Object.keys(VARIABLES) as Name[];

type Values = { [N in Name]: z.output<(typeof VARIABLES)[N]["rule"]> };

/** Where the S3 server is and how to sign in to it. */
export interface S3Settings {
  endpoint: string;
  /** The same server as clients know it. */
  publicUrl: string;
  region: string;
  bucket: string;
  accessKeyId: string;
  secretAccessKey: string;
}

/** The keystore that signs APKs. */
export interface SigningSettings {
  keystore: string;
  password: string;
  alias: string;
}

/** Who is told when an address shows something else: any service of yours, or Cloudflare. */
export type EdgeSettings =
  | { kind: "hook"; url: string }
  | { kind: "cloudflare"; apiUrl: string; zoneId: string; token: string };

/** The variables by name, with what follows from them. */
export type Env = Readonly<Values> & {
  readonly production: boolean;
  readonly dataFolder: string;
  readonly publicUrl: string;
  readonly publicationCheckUrl: string;
  readonly temporalUiUrl: string;
  /** What Temporal's own loader reads: TEMPORAL_* as they were given. */
  readonly temporalVariables: Readonly<Record<string, string>>;
  /** What this machine's own programs are configured by, pip among them. */
  readonly machineVariables: Readonly<Record<string, string>>;
  readonly s3: S3Settings | undefined;
  readonly edge: EdgeSettings | undefined;
  readonly federation: FederationSettings;
  readonly messages: MessageSettings;
  readonly payments: PaymentSettings;
};

/** The configuration cannot be used; `faults` names every variable that is wrong. Processes end with code 78. */
export class BadConfiguration extends Error {
  readonly faults: string[];

  constructor(faults: string[]) {
    super(`The configuration cannot be used:\n${faults.map((fault) => `  - ${fault}`).join("\n")}`);
    this.name = "BadConfiguration";
    this.faults = faults;
  }
}

/** sysexits.h EX_CONFIG: a restart would not help. */
export const EXIT_CONFIGURATION = 78;

/** Reads the configuration; an empty variable counts as not given. Throws `BadConfiguration` with all that is wrong. */
export function readEnv(source: Record<string, string | undefined> = process.env): Env {
  const faults: string[] = [];
  const values = Object.fromEntries(
    Object.entries(VARIABLES).map(([name, variable]) => {
      const given = readVariable(source, name, "secret" in variable, faults);
      const parsed = variable.rule.safeParse(given);
      if (!parsed.success)
        faults.push(...parsed.error.issues.map((issue) => `${name}: ${issue.message}`));
      return [name, parsed.data];
    }),
  ) as Values;

  faults.push(...storeFaults(values), ...edgeFaults(values));
  faults.push(...messageFaults(values), ...federationFaults(values), ...paymentFaults(values));
  if (values.SIGNING_KEYSTORE && !values.SIGNING_KEYSTORE_PASSWORD) {
    faults.push("SIGNING_KEYSTORE_PASSWORD: is needed with SIGNING_KEYSTORE");
  }
  if (
    values.HARDEN_COMMAND &&
    !["{input}", "{output}"].every((place) =>
      values.HARDEN_COMMAND!.some((word) => word.includes(place)),
    )
  ) {
    faults.push("HARDEN_COMMAND: must contain {input} and {output}");
  }
  if (values.CARD_RESULTS < values.CARD_BULK_UNDO) {
    faults.push("CARD_RESULTS: must not be shorter than CARD_BULK_UNDO");
  }
  if (values.NODE_ENV === "production") {
    for (const name of ["SECRET_KEY", "SIGNING_KEYSTORE", "SIGNING_KEYSTORE_PASSWORD"] as const) {
      if (!values[name]) faults.push(`${name}: is needed in production`);
    }
    if (values.FAULT_ORDER) faults.push("FAULT_ORDER: is for tests, never for production");
  }
  if (faults.length > 0) throw new BadConfiguration(faults);

  const publicUrl = values.PUBLIC_URL ?? `http://${reachable(values.HOST)}:${values.PORT}`;
  return {
    ...values,
    production: values.NODE_ENV === "production",
    dataFolder: resolve(values.LONGHAUL_DATA),
    publicUrl,
    publicationCheckUrl: values.PUBLICATION_CHECK_URL ?? publicUrl,
    temporalVariables: givenLike(/^TEMPORAL_/, source),
    machineVariables: givenLike(MACHINE, source),
    temporalUiUrl: values.TEMPORAL_UI_URL ?? `http://127.0.0.1:${values.TEMPORAL_UI_PORT}`,
    s3: values.S3_ENDPOINT
      ? {
          endpoint: values.S3_ENDPOINT,
          publicUrl: values.S3_PUBLIC_URL ?? values.S3_ENDPOINT,
          region: values.S3_REGION,
          bucket: values.S3_BUCKET!,
          accessKeyId: values.S3_ACCESS_KEY_ID!,
          secretAccessKey: values.S3_SECRET_ACCESS_KEY!,
        }
      : undefined,
    edge: edgeSettings(values),
    federation: federationSettings(values),
    messages: messageSettings(values),
    payments: paymentSettings(values),
  };
}

function storeFaults({ S3_ENDPOINT, DELIVERY, ...values }: Values): string[] {
  if (!S3_ENDPOINT) return DELIVERY === "redirect" ? ["DELIVERY: redirect needs S3_ENDPOINT"] : [];
  const names = ["S3_BUCKET", "S3_ACCESS_KEY_ID", "S3_SECRET_ACCESS_KEY"] as const;
  return [
    ...names.filter((name) => !values[name]).map((name) => `${name}: is needed with S3_ENDPOINT`),
    ...(DELIVERY === "accel"
      ? ["DELIVERY: accel needs a disk; with S3_ENDPOINT use redirect"]
      : []),
  ];
}

function edgeFaults(values: Values): string[] {
  const { PURGE_URL, CLOUDFLARE_ZONE_ID: zone, CLOUDFLARE_API_TOKEN: token } = values;
  const faults: string[] = [];
  if (zone && !token) faults.push("CLOUDFLARE_API_TOKEN: is needed with CLOUDFLARE_ZONE_ID");
  if (token && !zone) faults.push("CLOUDFLARE_ZONE_ID: is needed with CLOUDFLARE_API_TOKEN");
  if (zone && PURGE_URL) faults.push("PURGE_URL: must not be given with CLOUDFLARE_ZONE_ID");
  return faults;
}

function edgeSettings(values: Values): EdgeSettings | undefined {
  const { PURGE_URL, CLOUDFLARE_ZONE_ID: zoneId, CLOUDFLARE_API_TOKEN: token } = values;
  if (PURGE_URL) return { kind: "hook", url: PURGE_URL };
  if (!zoneId) return undefined;
  return { kind: "cloudflare", apiUrl: values.CLOUDFLARE_API_URL, zoneId, token: token! };
}

/** A host as it stands in an address; "all interfaces" is none to connect to. */
export function reachable(host: string): string {
  if (host === "0.0.0.0" || host === "::") return "127.0.0.1";
  return host.includes(":") ? `[${host}]` : host;
}

function readVariable(
  source: Record<string, string | undefined>,
  name: string,
  secret: boolean,
  faults: string[],
): string | undefined {
  if (source[name]) return source[name];
  const file = secret && source[`${name}_FILE`];
  if (!file) return undefined;
  try {
    const secret = readFileSync(file, "utf8").trim();
    if (!secret) faults.push(`${name}_FILE: the file is empty`);
    return secret || undefined;
  } catch (error) {
    faults.push(`${name}_FILE: cannot be read (${(error as NodeJS.ErrnoException).code})`);
    return undefined;
  }
}

function shownAs(fallback: string | number | boolean): string {
  return typeof fallback === "boolean" ? (fallback ? "on" : "off") : `${fallback}`;
}

/** The text of `.env.example`: every variable with its meaning and default. */
export function envExample(): string {
  const lines = Object.entries(VARIABLES).map(([name, variable]) => {
    const fallback = variable.rule.safeParse(undefined).data as unknown;
    const shown =
      name === "LONGHAUL_CACHE" || fallback === undefined || typeof fallback === "object"
        ? ""
        : shownAs(fallback as string | number | boolean);
    const file = "secret" in variable ? ` Secret: ${name}_FILE may name a file that holds it.` : "";
    return `# ${variable.doc}.${file}\n# ${name}=${shown}\n`;
  });
  return `# Generated by "npm run env:example". Everything has a default; an empty variable counts as not given.\n\n${lines.join("\n")}`;
}
