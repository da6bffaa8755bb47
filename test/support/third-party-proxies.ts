import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { Server as ProxyServer } from "proxy-chain";
import { onTestFinished } from "vitest";
import type { Upstream } from "../../platform/egress/index.ts";

/** A proxy as one rents it, on this machine; it ends with the test. */
export interface ThirdPartyProxy {
  upstream: Upstream;
  /** `host:port` of everything it was asked to reach, by whoever knew its password. */
  asked: string[];
  close(): Promise<void>;
}

interface Credentials {
  username: string;
  password: string;
}

/** An HTTP proxy with a password. */
export async function startThirdPartyProxy(given: Credentials): Promise<ThirdPartyProxy> {
  const asked: string[] = [];
  const server = new ProxyServer({
    port: 0,
    host: "127.0.0.1",
    prepareRequestFunction: ({ hostname, port, username, password }) => {
      const isRight = username === given.username && password === given.password;
      if (isRight) asked.push(`${hostname}:${port}`);
      return { requestAuthentication: !isRight };
    },
  });
  await server.listen();
  const close = () => server.close(true);
  onTestFinished(close);
  const upstream = { protocol: "http", host: "127.0.0.1", port: server.port, ...given } as const;
  return { upstream, asked, close };
}

/** A SOCKS5 proxy with a password (RFC 1928, RFC 1929), for IPv4 addresses alone. */
export async function startSocksProxy(given: Credentials): Promise<ThirdPartyProxy> {
  const asked: string[] = [];
  const server = createServer((client) => {
    client.on("error", () => client.destroy());
    void serveSocks(client, given, asked).catch(() => client.destroy());
  }).listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  const close = () => new Promise<void>((done) => server.close(() => done()));
  onTestFinished(() => void close());
  const { port } = server.address() as AddressInfo;
  return { upstream: { protocol: "socks5", host: "127.0.0.1", port, ...given }, asked, close };
}

async function serveSocks(client: Socket, given: Credentials, asked: string[]): Promise<void> {
  await next(client);
  client.write(Buffer.from([5, 2]));
  const said = await next(client);
  const nameEnd = 2 + said[1]!;
  const username = said.subarray(2, nameEnd).toString();
  const password = said.subarray(nameEnd + 1, nameEnd + 1 + said[nameEnd]!).toString();
  const isRight = username === given.username && password === given.password;
  client.write(Buffer.from([1, isRight ? 0 : 1]));
  if (!isRight) return void client.end();
  const wanted = await next(client);
  const [host, port] = [wanted.subarray(4, 8).join("."), wanted.readUInt16BE(8)];
  asked.push(`${host}:${port}`);
  const outside = connect(port, host);
  outside.on("error", () => client.destroy());
  outside.once("connect", () => {
    client.write(Buffer.from([5, 0, 0, 1, 0, 0, 0, 0, 0, 0]));
    outside.pipe(client).pipe(outside);
  });
}

function next(socket: Socket): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    socket.once("data", (chunk: Buffer) => {
      socket.pause();
      resolve(chunk);
    });
    socket.once("close", () => reject(new Error("the client left")));
    socket.resume();
  });
}
