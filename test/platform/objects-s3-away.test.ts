import { createServer } from "node:net";
import { expect, test } from "vitest";
import { openS3Store } from "../../platform/objects/s3.ts";

test("a store whose server is away is opened, and says at each look that it cannot be used", async () => {
  const port = await closedPort();
  const store = await openS3Store({
    endpoint: `http://127.0.0.1:${port}`,
    publicUrl: `http://127.0.0.1:${port}`,
    region: "us-east-1",
    bucket: "longhaul",
    accessKeyId: "key",
    secretAccessKey: "secret",
  });

  await expect(store.check()).rejects.toMatchObject({ code: "ECONNREFUSED" });
  await expect(store.check()).rejects.toMatchObject({ code: "ECONNREFUSED" });
});

/** A port of this machine on which nobody listens. */
async function closedPort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}
