import { createHash } from "node:crypto";
import type { Readable } from "node:stream";
import { text } from "node:stream/consumers";
import { z } from "zod";
import { route, type Routes } from "../../api/route.ts";
import { ADMIN, type ApiGiven, startApi, type StartedApi } from "./api.ts";
import { type formBytes, send } from "./http.ts";

/** What stands between the parts of the forms of these tests. */
export const BOUNDARY = "----b";
/** In lower-case hex. */
export const sha256 = (content: string | Buffer) =>
  createHash("sha256").update(content).digest("hex");

/** What the route keeps of a file. */
export interface Stored {
  sha256: string;
  text: string;
}

/** A route that takes a form; what its store made and what was discarded is remembered. */
export function uploading(
  store: (file: Readable) => Promise<Stored> = async (file) => {
    const content = await text(file);
    return { sha256: sha256(content), text: content };
  },
) {
  const discarded: Stored[] = [];
  const stored: Stored[] = [];
  const upload = route({
    method: "post",
    path: "/upload",
    summary: "An upload",
    access: "packages:upload",
    form: z.strictObject({ name: z.string().min(1), note: z.string().max(5).optional() }),
    fileBytes: () => 1000,
    returns: [202, z.strictObject({ name: z.string(), text: z.string(), file_name: z.string() })],
    async handle({ receive }) {
      const keep = async (file: Readable) => {
        const made = await store(file);
        stored.push(made);
        return made;
      };
      const { fields, file, fileName } = await receive(keep, async (made) => discarded.push(made));
      return { name: fields.name, text: file.text, file_name: fileName };
    },
  });
  return { upload, stored, discarded };
}

/** The parts of a form. */
export type Parts = Parameters<typeof formBytes>[1];
/** A small file. */
export const FILE: Parts[number] = ["file", { fileName: "a.zip", content: "content" }];

/** Starts an API with an upload route; `post` sends it a form as an administrator. */
export async function startUploads(routes: Routes, given: ApiGiven = {}) {
  const api = await startApi({ routes, ...given });
  const post = async (body: Buffer, headers: Record<string, string> = {}) => {
    const answer = await send(api.address, {
      method: "POST",
      path: "/upload",
      headers: { ...formHeaders(api), "Content-Length": `${body.length}`, ...headers },
      body,
    });
    return { ...answer, body: JSON.parse(answer.text) };
  };
  return { api, post };
}

/** What a form is sent with. */
export function formHeaders(api: StartedApi) {
  return {
    Authorization: `Bearer ${api.tokenOf(ADMIN)}`,
    "Content-Type": `multipart/form-data; boundary=${BOUNDARY}`,
  };
}
