import { connect, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";

// Many clients on WebSockets, in one process and as cheap as can be: what they take must not hold up what is measured.
// Connects, says `ready`; then, for each line `<messages>` on stdin, waits until everybody has had so many more and says
// how long each took from the moment that stands in it, in the middle, at the 99th percentile, and at most.

const [, , address = "", path = "", count = "0", token = ""] = process.argv;
const AT_ONCE = 100;
const { hostname, port } = new URL(address);

/** One client: counts whole frames, wherever they are cut. */
class Client {
  frames = 0;
  #isOpen = false;
  #rest: Buffer = Buffer.alloc(0);

  take(piece: Buffer, socket: Socket): void {
    let bytes = this.#rest.length > 0 ? Buffer.concat([this.#rest, piece]) : piece;
    if (!this.#isOpen) {
      const end = bytes.indexOf("\r\n\r\n");
      if (end === -1) return void (this.#rest = bytes);
      if (!bytes.subarray(0, 20).toString().includes(" 101")) throw new Error(bytes.toString());
      this.#isOpen = true;
      counts.opened++;
      bytes = bytes.subarray(end + 4);
    }
    for (;;) {
      const head = bytes.length < 2 ? 0 : (bytes[1]! & 127) < 126 ? 2 : 4;
      if (head === 0 || bytes.length < head) break;
      const length = head === 2 ? bytes[1]! & 127 : bytes.readUInt16BE(2);
      if (bytes.length < head + length) break;
      this.#frame(bytes[0]! & 15, bytes.subarray(head, head + length), socket);
      bytes = bytes.subarray(head + length);
    }
    // A copy: else the whole piece is kept for its last bytes.
    this.#rest = bytes.length > 0 ? Buffer.from(bytes) : EMPTY;
  }

  #frame(opcode: number, payload: Buffer, socket: Socket): void {
    if (opcode === 9) return void socket.write(PONG);
    if (opcode === 8) throw new Error(`closed: ${payload.subarray(2).toString()}`);
    if (!payload.includes('"task:log"')) return;
    this.frames++;
    counts.got++;
    const place = payload.indexOf('"timestamp":"') + 13;
    latenciesMs.push(Date.now() - Date.parse(payload.toString("latin1", place, place + 24)));
  }
}

const EMPTY = Buffer.alloc(0);
/** Masked with nothing: clients must mask. */
const PONG = Buffer.from([0x8a, 0x80, 0, 0, 0, 0]);
const HANDSHAKE = [
  `GET ${path} HTTP/1.1`,
  `Host: ${hostname}`,
  "Connection: Upgrade",
  "Upgrade: websocket",
  "Sec-WebSocket-Version: 13",
  "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
  ...(token ? [`Authorization: Bearer ${token}`] : []),
  "",
  "",
].join("\r\n");

/** How many clients are there, and how many messages came and are to come to all of them. */
const counts = { opened: 0, got: 0, wanted: 0 };
let latenciesMs: number[] = [];

for (let begun = 0; begun < Number(count); begun++) {
  while (begun - counts.opened >= AT_ONCE) await sleep(1);
  const client = new Client();
  const socket = connect(Number(port), hostname, () => socket.write(HANDSHAKE));
  socket.on("data", (piece) => client.take(piece, socket));
  socket.on("error", (error) => {
    throw error;
  });
  socket.on("close", () => {
    throw new Error("a client was cut off");
  });
}
while (counts.opened < Number(count)) await sleep(10);
console.log("ready");

process.stdin.setEncoding("utf8").on("data", (lines: string) => {
  for (const line of lines.split("\n").filter(Boolean)) {
    counts.wanted += Number(line) * Number(count);
    void tellWhenAll();
  }
});
process.stdin.on("end", () => process.exit(0));

async function tellWhenAll(): Promise<void> {
  while (counts.got < counts.wanted) await sleep(5);
  const { got, wanted } = counts;
  if (got > wanted) throw new Error(`${got} messages came, and ${wanted} were sent`);
  const sorted = latenciesMs.sort((one, other) => one - other);
  latenciesMs = [];
  const at = (share: number) =>
    sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))];
  console.log(`all ${at(0.5)} ${at(0.99)} ${at(1)}`);
}
