import { join } from "node:path";
import { openShell, type Shell } from "../../../platform/shell.ts";
import { findYtDlp, type MediaTool, openMediaTool } from "../../../platform/yt-dlp/index.ts";
import { cacheFolder } from "./environment.ts";
import { ensurePip } from "./wheels.ts";

/** yt-dlp with a shell of its own below `folder`; its wheels come into the cache once. `words` stand before its options. */
export async function provideMediaTool(
  folder: string,
  words: readonly string[] = [],
): Promise<{ tool: MediaTool; shell: Shell }> {
  await ensurePip();
  const [scratchFolder, runFolder] = [join(folder, "scratch"), join(folder, "run")];
  const shell = await openShell({ scratchFolder, runFolder, path: process.env["PATH"]! });
  const search = { shell, cacheFolder: cacheFolder(), machine: process.env };
  const found = await findYtDlp(search);
  const program = { ...found, words: [...found.words, ...words] };
  return { tool: openMediaTool({ program, shell }), shell };
}
