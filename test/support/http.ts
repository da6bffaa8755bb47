import { Agent, type IncomingHttpHeaders, request } from "node:http";
import { connect } from "node:net";

/** One request as a client would send it, with nothing added but what Node must add. */
export interface Sent {
  method?: string;
  path: string;
  headers?: Record<string, string | string[]>;
  body?: string | Buffer;
}

/** What came back: headers in lower case, and the bytes. */
export interface Received {
  status: number;
  headers: IncomingHttpHeaders;
  bytes: Buffer;
  text: string;
}

/** Sends over a connection of its own: what `fetch` hides or forbids (Range, Expect, HEAD bodies) is seen here. */
export function send(
  address: string,
  { method = "GET", path, headers, body }: Sent,
): Promise<Received> {
  const agent = new Agent({ keepAlive: false });
  return new Promise((resolve, reject) => {
    const req = request(
      new URL(path, address),
      { method, headers: headers ?? {}, agent },
      (res) => {
        const chunks: Buffer[] = [];
        res.on("data", (chunk: Buffer) => chunks.push(chunk));
        res.on("error", reject);
        res.on("end", () => {
          const bytes = Buffer.concat(chunks);
          resolve({ status: res.statusCode!, headers: res.headers, bytes, text: bytes.toString() });
        });
      },
    );
    req.on("error", reject);
    req.end(body);
  });
}

/** Writes these bytes to a fresh connection and answers all that comes back until the server closes it. */
export function sendBytes(address: string, ...pieces: (string | Buffer)[]): Promise<string> {
  const { hostname, port } = new URL(address);
  return new Promise((resolve, reject) => {
    const socket = connect(Number(port), hostname);
    const chunks: Buffer[] = [];
    socket.on("data", (chunk) => chunks.push(chunk));
    socket.on("error", reject);
    socket.on("close", () => resolve(Buffer.concat(chunks).toString()));
    for (const piece of pieces) socket.write(piece);
  });
}

/** The bytes of a multipart form. A value with `fileName` is a file. */
export function formBytes(
  boundary: string,
  parts: [name: string, value: string | { fileName: string; content: string | Buffer }][],
): Buffer {
  const pieces = parts.flatMap(([name, value]) => {
    const isFile = typeof value !== "string";
    const disposition = `Content-Disposition: form-data; name="${name}"`;
    const head = isFile
      ? `${disposition}; filename="${value.fileName}"\r\nContent-Type: application/octet-stream`
      : disposition;
    return [`--${boundary}\r\n${head}\r\n\r\n`, isFile ? value.content : value, "\r\n"];
  });
  return Buffer.concat([...pieces, `--${boundary}--\r\n`].map((piece) => Buffer.from(piece)));
}
