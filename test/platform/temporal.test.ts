import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { BadConfiguration, readEnv } from "../../platform/env.ts";
import { connectionOptions, onBehalfOf, openTemporalClient } from "../../platform/temporal.ts";
import { promisesAreFollowed } from "../support/promises.ts";

const PROFILES = fileURLToPath(new URL("../../temporal-config/temporal.toml", import.meta.url));

const reach = (variables: Record<string, string>) => connectionOptions(readEnv(variables));

describe("Temporal", () => {
  test("is the embedded server when no address is given, without keys meant for another", () => {
    const options = reach({ TEMPORAL_PORT: "7300", TEMPORAL_API_KEY: "a key" });

    expect(options).toEqual({ address: "127.0.0.1:7300" });
  });

  test("is reached by address, with TLS and an API key when they are given", () => {
    const options = reach({ TEMPORAL_ADDRESS: "temporal.example:7233", TEMPORAL_API_KEY: "a key" });

    expect(options).toMatchObject({ address: "temporal.example:7233", apiKey: "a key", tls: true });
  });

  test("counts an empty variable as not given", () => {
    const options = reach({
      TEMPORAL_ADDRESS: "temporal:7233",
      TEMPORAL_API_KEY: "",
      TEMPORAL_TLS: "",
    });

    expect(options).toEqual({ address: "temporal:7233" });
  });

  test("is reached as a profile says, which a variable overrules", () => {
    const profile = { TEMPORAL_CONFIG_FILE: PROFILES, TEMPORAL_PROFILE: "compose" };

    expect(reach(profile).address).toBe("temporal:7233");
    expect(reach({ ...profile, TEMPORAL_ADDRESS: "other:7233" }).address).toBe("other:7233");
  });

  test("that cannot be configured so is a fault of the configuration", () => {
    const variables = {
      TEMPORAL_ADDRESS: "temporal:7233",
      TEMPORAL_TLS_CLIENT_CERT_PATH: "/missing/cert.pem",
    };

    expect(() => reach(variables)).toThrow(BadConfiguration);
  });

  test("lets what promises lead to be followed while it is asked, and no longer", async () => {
    const temporal = openTemporalClient(readEnv({}));
    const { client } = temporal;
    const asked = () => client.withDeadline(Date.now() + 1000, promisesAreFollowed);

    const during = await onBehalfOf({ actor: "somebody", requestId: "r" }, asked);
    const failing = client.withDeadline(Date.now() + 1000, () => Promise.reject(new Error("no")));
    await expect(failing).rejects.toThrow("no");
    const afterwards = await promisesAreFollowed();
    await temporal.close();

    expect([during, afterwards]).toEqual([true, false]);
  });
});
