import { request } from "node:http";

const MiB = 1024 * 1024;
const BOUNDARY = "broken";

/** Begins an upload that says it has 64 MiB and sends 8; resolves when the connection has ended. */
export function beginUpload(address: string, apiKey: string): Promise<void> {
  const field = (name: string) => `--${BOUNDARY}\r\nContent-Disposition: form-data; name="${name}"`;
  return new Promise((resolve) => {
    const upload = request(`${address}/api/v1/packages`, {
      method: "POST",
      headers: {
        "content-type": `multipart/form-data; boundary=${BOUNDARY}`,
        "content-length": 64 * MiB,
        "x-api-key": apiKey,
      },
    });
    upload.on("error", () => resolve());
    upload.on("close", () => resolve());
    upload.write(`${field("name")}\r\n\r\nbroken off\r\n${field("version")}\r\n\r\n1.0.0\r\n`);
    upload.write(`${field("file")}; filename="app.zip"\r\n\r\n`);
    upload.write(Buffer.alloc(8 * MiB));
  });
}
