import { describe, expect, test } from "vitest";
import { openClient, signIn } from "../../package-client.ts";
import { watchArguments } from "../../processes.ts";
import { makeMarkedApk } from "../../rigged-tools.ts";
import type { Installation } from "./installation.ts";

/** What a platform tells nobody. */
export function describeSecrets(given: () => Installation): void {
  describe("secrets", () => {
    test("are in no log, no row, no workflow's history and no argument", async () => {
      const { client, folder, secrets, temporal } = given();
      const watch = watchArguments(folder);
      const name = "signed in secret";
      await client.succeeds(await client.upload(await makeMarkedApk(), name));
      const commands = await watch.stop();

      const places: Record<string, string> = {
        ...(await given().readEverything()),
        arguments: commands.join("\n"),
        histories: await readHistories(given()),
      };

      // What is looked through does tell of that package.
      expect(places["database"]).toContain(name);
      expect(places["histories"]).toContain(name);
      expect(places["logs"]).toContain("/api/v1/packages");
      expect(places["arguments"]).toMatch(/apksigner sign/);
      const found = Object.entries(secrets).flatMap(([secret, value]) =>
        Object.entries(places).flatMap(([place, text]) =>
          text.includes(value) ? [`${secret} in ${place}`] : [],
        ),
      );
      expect(found).toEqual([]);
      expect(temporal.options.namespace).not.toBe("");
    });
  });

  describe("npm run admin:password", () => {
    test("sets a new password, and ends what was signed in with the old one", async () => {
      const { client, password } = given();
      const { refreshToken } = await signIn(client.address, password);

      const said = await given().renewPassword();

      const renewed = /Password: (\S+)/.exec(said)?.[1];
      const { status } = await client.call("POST", "/api/v1/auth/refresh", {
        json: { refresh_token: refreshToken },
      });
      expect(status).toBe(401);
      await expect(signIn(client.address, password)).rejects.toThrow("401");
      const again = await openClient([client.address], await signIn(client.address, renewed!));
      expect((await again.call("GET", "/api/v1/packages")).status).toBe(200);
      given().password = renewed!;
    });
  });
}

/** All histories of the namespace as text, what is inside payloads included. */
async function readHistories({ temporal }: Installation): Promise<string> {
  const texts: string[] = [];
  for await (const { workflowId, runId } of temporal.workflow.list()) {
    const history = await temporal.workflow.getHandle(workflowId, runId).fetchHistory();
    texts.push(JSON.stringify(history, (_, value: unknown) => readable(value)));
  }
  return texts.join("\n");
}

function readable(value: unknown): unknown {
  const isPayload = typeof value === "object" && value !== null && "metadata" in value;
  if (!isPayload || !("data" in value) || typeof value.data !== "string") return value;
  return Buffer.from(value.data, "base64").toString();
}
