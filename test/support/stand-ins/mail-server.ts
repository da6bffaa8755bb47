import type { AddressInfo } from "node:net";
import { SMTPServer, type SMTPServerOptions } from "smtp-server";
import { onTestFinished } from "vitest";

/** A mail server on this machine that takes mails of one user. */
export interface MailServer {
  /** What the product is configured with. */
  url: string;
  /** What came, in its order; `source` as it went over the wire. */
  mails: { from: string; to: string[]; source: string }[];
  /** Answers recipients with this status of SMTP from now on. */
  refuse: number | undefined;
}

/** Starts it on a free port; it ends with the test. */
export async function startMailServer(
  given: Partial<SMTPServerOptions> = {},
  password = "p@ss/word",
): Promise<MailServer> {
  const server = new SMTPServer({
    authOptional: false,
    // A client on this machine may say its password in clear.
    allowInsecureAuth: true,
    disabledCommands: ["STARTTLS"],
    onAuth(auth, _session, done) {
      if (auth.username === "longhaul" && auth.password === password) {
        done(null, { user: "longhaul" });
      } else done(new Error("5.7.8 Authentication credentials invalid"));
    },
    onRcptTo(_address, _session, done) {
      const { refuse } = mail;
      if (!refuse) return done();
      return done(Object.assign(new Error("mailbox not taken"), { responseCode: refuse }));
    },
    onData(stream, session, done) {
      const { mailFrom, rcptTo } = session.envelope;
      const from = mailFrom ? mailFrom.address : "";
      const lines: Buffer[] = [];
      stream.on("data", (line: Buffer) => lines.push(line));
      stream.on("end", () => {
        const source = Buffer.concat(lines).toString();
        mail.mails.push({ from, to: rcptTo.map(({ address }) => address), source });
        done();
      });
    },
    ...given,
  });
  server.on("error", () => undefined);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", () => resolve()));
  onTestFinished(() => new Promise((resolve) => server.close(() => resolve())));
  const { port } = server.server.address() as AddressInfo;
  const mail: MailServer = {
    url: `smtp://longhaul:${encodeURIComponent(password)}@127.0.0.1:${port}`,
    mails: [],
    refuse: undefined,
  };
  return mail;
}
