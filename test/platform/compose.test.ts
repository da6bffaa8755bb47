import { existsSync, readFileSync } from "node:fs";
import { loadClientConnectConfig } from "@temporalio/envconfig";
import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import { readEnv, VARIABLE_NAMES } from "../../platform/env.ts";
import { dynamicValues } from "../../supervisor/dev-server.ts";

const repository = new URL("../../", import.meta.url);
const text = (name: string) => readFileSync(new URL(name, repository), "utf8");

interface Service {
  image: string;
  build?: string;
  command?: string[] | string;
  environment?: Record<string, string | number>;
  depends_on?: Record<string, unknown>;
  volumes?: string[];
  ports?: string[];
}
const source = text("docker-compose.yml");
const compose = parse(source, { merge: true }) as {
  services: Record<string, Service>;
  volumes: Record<string, unknown>;
};
const services = Object.entries(compose.services);
const own = services.filter(([, { build }]) => build);

/** What compose would put in place of each variable, all secrets given. */
const filled = (value: string | number) =>
  `${value}`
    .replaceAll(/\$\{(\w+):\?[^}]*\}/g, (_, name: string) => name.padEnd(40, "x"))
    .replaceAll(/\$\{\w+:-([^}]*)\}/g, "$1");

describe("docker-compose.yml", () => {
  test("pins every image, and the Dockerfile its base", () => {
    const images = services.filter(([, { build }]) => !build).map(([, { image }]) => image);
    const bases = [...text("Dockerfile").matchAll(/^FROM (\S+)/gm)].map(([, image]) => image!);

    for (const image of [...images, ...bases]) expect(image).toMatch(/:\d+\.\d+(\.\d+)?(-\w+)*$/);
  });

  test("has no secret of its own: each must be given", () => {
    const secret = /PASSWORD|PWD|SECRET/;
    const used = [...source.matchAll(/\$\{(\w+)(:[?-])?/g)].filter(([, name]) =>
      secret.test(name!),
    );
    const set = services.flatMap(([, { environment }]) => Object.entries(environment ?? {}));

    expect(used.map(([, , rule]) => rule)).toEqual(used.map(() => ":?"));
    for (const [name, value] of set.filter(([name]) => secret.test(name))) {
      expect(`${name}=${value}`).toMatch(/\$\{\w+:\?/);
    }
  });

  test("explains every variable that it asks for and the product does not have", () => {
    const names = new Set([...source.matchAll(/\$\{(\w+)/g)].map(([, name]) => name!));
    const explained = [...source.matchAll(/^# {3}([A-Z_]+) {2,}\S/gm)].map(([, name]) => name!);
    const made = /for name in ([\s\S]*?); do/.exec(source)![1]!.match(/[A-Z_\d]{3,}/g);
    const foreign = [...names].filter((name) => !(VARIABLE_NAMES as string[]).includes(name));
    const demanded = [...source.matchAll(/\$\{(\w+):\?/g)].map(([, name]) => name!);

    expect(foreign.sort()).toEqual(explained.sort());
    expect([...new Set(demanded)].sort()).toEqual(made!.sort());
  });

  test("gives each of our processes a configuration that production accepts", () => {
    for (const [, { environment }] of own) {
      const given = Object.entries(environment!).map(([name, value]) => [name, filled(value)]);
      const env = readEnv({ NODE_ENV: "production", ...Object.fromEntries(given) });

      expect(env).toMatchObject({ production: true, TEMPORAL_ADDRESS: "temporal:7233" });
      expect(Object.keys(environment!).filter((name) => !(name in env))).toEqual([]);
    }
  });

  test("names only roles, services and volumes that there are", () => {
    const scripts = services
      .flatMap(([, { command }]) => command ?? [])
      .concat(text("Dockerfile").match(/dist\/[\w/-]+\.js/g)!)
      .filter((word) => word.startsWith("dist/"));
    const awaited = services.flatMap(([, { depends_on }]) => Object.keys(depends_on ?? {}));
    const mounted = services
      .flatMap(([, { volumes }]) => volumes ?? [])
      .filter((volume) => /^\w[\w-]*:/.test(volume))
      .map((volume) => volume.split(":")[0]);

    for (const script of scripts) {
      const file = script.replace("dist/", "").replace(/\.js$/, ".ts");
      expect(existsSync(new URL(file, repository)), file).toBe(true);
    }
    expect(Object.keys(compose.services)).toEqual(expect.arrayContaining(awaited));
    expect(new Set(mounted)).toEqual(new Set(Object.keys(compose.volumes)));
  });

  test("listens on the machine itself alone, and not as root", () => {
    for (const port of services.flatMap(([, { ports }]) => ports ?? [])) {
      expect(port).toMatch(/^127\.0\.0\.1:/);
    }
    expect(text("Dockerfile")).toMatch(/^USER node$/m);
  });

  test("runs one version of the Temporal server and its schema tools", () => {
    const version = (name: string) => compose.services[name]!.image.split(":")[1];

    expect(version("temporal-schema")).toBe(version("temporal"));
  });
});

describe("temporal-config", () => {
  test("has one server setting a line, so that npm start hands all of them on", () => {
    const yaml = text("temporal-config/dynamic-config.yaml");
    const settings = parse(yaml) as Record<string, { value: number | boolean }[]>;

    const values = Object.entries(settings).map(([name, [first]]) => `${name}=${first!.value}`);

    expect(dynamicValues(yaml)).toEqual(values);
    expect(values.length).toBeGreaterThan(0);
  });

  test("has a client profile for each place to run", () => {
    const load = (profile: string) =>
      loadClientConnectConfig({
        profile,
        configSource: { path: new URL("temporal-config/temporal.toml", repository).pathname },
        overrideEnvVars: {},
      });

    expect(load("local").connectionOptions).toMatchObject({ address: "127.0.0.1:7233" });
    expect(load("compose").connectionOptions).toMatchObject({ address: "temporal:7233" });
    expect(load("production").connectionOptions.tls).toBeDefined();
  });
});
