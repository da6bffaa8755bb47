import { fileURLToPath } from "node:url";
import { BuildFailed, buildIfStale } from "../supervisor/build.ts";

const projectFolder = fileURLToPath(new URL("..", import.meta.url));
try {
  await buildIfStale({ projectFolder, env: process.env });
} catch (error) {
  if (!(error instanceof BuildFailed)) throw error;
  console.error(error.message);
  process.exitCode = 1;
}
