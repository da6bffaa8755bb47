import { mkdir, writeFile } from "node:fs/promises";
import { openApi } from "../api/openapi.ts";
import { routes } from "../api/routes/index.ts";
import { readVersion } from "../platform/version.ts";

await mkdir("docs", { recursive: true });
await writeFile(
  "docs/api.json",
  `${JSON.stringify(openApi(routes, readVersion()), undefined, 2)}\n`,
);
