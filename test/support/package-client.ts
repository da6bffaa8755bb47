import { PERMISSIONS } from "../../domain/accounts.ts";
import { isFinal, type RunState } from "../../domain/packages.ts";
import type { SamplePackage } from "../../scripts/demo/sample-package.ts";
import type { Answer, CallGiven } from "./api.ts";
import { digestOf, uploadForm } from "./packages.ts";
import { until } from "./until.ts";

/** What a person holds after signing in. */
export interface SignedIn {
  accessToken: string;
  refreshToken: string;
}

/** A run as the API shows it. */
export interface Run {
  id: string;
  version: string;
  status: RunState;
  reason: string | null;
  steps: { name: string; status: string; attempts: number; exit_code: number | null }[];
}

/** What an accepted order is known by. */
export interface Accepted {
  id: string;
  run: string;
}

/** A client of packages that holds an API key, speaking to each of the addresses in turn. */
export interface PackageClient {
  address: string;
  /** The key, and the tokens of the person who made it. */
  secrets: string[];
  call(method: string, path: string, given?: CallGiven): Promise<Answer>;
  upload(file: SamplePackage, name: string, version?: string): Promise<Accepted>;
  replace(id: string, file: SamplePackage, version: string): Promise<Accepted>;
  rollBack(id: string, version: string): Promise<Accepted>;
  resolve(order: Accepted, action: "retry" | "abort"): Promise<Answer>;
  cancel(order: Accepted): Promise<Answer>;
  run(order: Accepted): Promise<Run>;
  /** Waits until the run stands so; asks again when nobody answers. */
  reaches(order: Accepted, status: RunState, patienceMs?: number): Promise<Run>;
  /** Waits until the run has succeeded; throws its reason when it ends otherwise. */
  succeeds(order: Accepted, patienceMs?: number): Promise<Run>;
  log(order: Accepted): Promise<string>;
  /** The package's fixed link, at the first address when not told otherwise. */
  link(id: string, type?: string, at?: number): string;
}

const SCOPES = PERMISSIONS.filter((permission) => permission.startsWith("packages:"));

/** Signs in. Throws when it is refused. */
export async function signIn(
  address: string,
  password: string,
  username = "admin",
): Promise<SignedIn> {
  const json = { username, password };
  const { status, body } = await send(address, "POST", "/api/v1/auth/login", { json });
  if (status !== 200) throw new Error(`the sign-in was answered ${status}`);
  return { accessToken: body.access_token, refreshToken: body.refresh_token };
}

/** Calls as whoever holds the token; answers the bytes of the body, and what they say where that is JSON. */
export async function callAs(
  token: string,
  address: string,
  method: string,
  path: string,
  json?: object,
): Promise<Answer & { bytes: Buffer }> {
  const response = await fetch(address + path, {
    method,
    headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
    ...(json && { body: JSON.stringify(json) }),
  });
  const { status, headers } = response;
  const bytes = Buffer.from(await response.arrayBuffer());
  const isJson = headers.get("content-type")?.includes("json");
  return { status, headers, bytes, body: isJson ? JSON.parse(bytes.toString()) : {} };
}

/** A client with a new API key that may do everything with packages. */
export async function openClient(
  addresses: readonly string[],
  { accessToken, refreshToken }: SignedIn,
): Promise<PackageClient> {
  const [address] = addresses as [string];
  const made = await send(address, "POST", "/api/v1/api-keys", {
    json: { name: "tests", scopes: SCOPES },
    headers: { authorization: `Bearer ${accessToken}` },
  });
  const key: string = made.body.key;
  let turn = 0;

  const call: PackageClient["call"] = (method, path, given = {}) => {
    const headers = { "x-api-key": key, ...given.headers };
    return send(addresses[turn++ % addresses.length]!, method, path, { ...given, headers });
  };
  const order = async (path: string, given: CallGiven): Promise<Accepted> => {
    const { status, body } = await call("POST", path, given);
    if (status !== 202) throw new Error(`${path} answered ${status}: ${JSON.stringify(body)}`);
    return { id: body.id, run: body.run.id };
  };
  const form = ({ bytes, fileName }: SamplePackage, fields: Record<string, string>) =>
    uploadForm({ ...fields, sha256: digestOf(bytes) }, { bytes, name: fileName });
  const pathOf = ({ id, run }: Accepted) => `/api/v1/packages/${id}/runs/${run}`;
  const run = async (accepted: Accepted): Promise<Run> => {
    const { status, body } = await call("GET", pathOf(accepted));
    if (status !== 200) throw new Error(`the run was answered ${status}`);
    return body;
  };
  const settles = async (accepted: Accepted, isSo: (run: Run) => boolean, patienceMs: number) => {
    let last: Run | undefined;
    await until(async () => {
      last = await run(accepted).catch(() => last);
      return last !== undefined && (isSo(last) || isFinal(last.status));
    }, patienceMs).catch(() => {});
    if (last && isSo(last)) return last;
    throw new Error(`the run is ${last?.status}, because: ${last?.reason}`);
  };

  return {
    address,
    secrets: [key, accessToken, refreshToken],
    call,
    run,
    upload: (file, name, version = "1.0.0") =>
      order("/api/v1/packages", { form: form(file, { name, version }) }),
    replace: (id, file, version) =>
      order(`/api/v1/packages/${id}/versions`, { form: form(file, { version }) }),
    rollBack: (id, version) => order(`/api/v1/packages/${id}/rollback`, { json: { version } }),
    resolve: (accepted, action) =>
      call("POST", `${pathOf(accepted)}/resolve`, { json: { action, reason: "a test says so" } }),
    cancel: (accepted) =>
      call("POST", `${pathOf(accepted)}/cancel`, { json: { reason: "a test says so" } }),
    reaches: (accepted, wanted, patienceMs = 60_000) =>
      settles(accepted, ({ status }) => status === wanted, patienceMs),
    succeeds: (accepted, patienceMs = 60_000) =>
      settles(accepted, ({ status }) => status === "succeeded", patienceMs),
    log: async (accepted) => (await call("GET", `${pathOf(accepted)}/log`)).body,
    link: (id, type = "zip", at = 0) =>
      `${addresses[at % addresses.length]!}/dist/${id}/release.${type}`,
  };
}

async function send(
  address: string,
  method: string,
  path: string,
  { json, form, headers }: CallGiven,
): Promise<Answer> {
  const response = await fetch(address + path, {
    method,
    headers: { ...(json !== undefined && { "content-type": "application/json" }), ...headers },
    body: json === undefined ? (form ?? null) : JSON.stringify(json),
  });
  const text = await response.text();
  const isJson = /json/.test(response.headers.get("content-type") ?? "");
  return {
    status: response.status,
    headers: response.headers,
    body: isJson ? (JSON.parse(text) as unknown) : text,
  };
}
