import { readFile, writeFile } from "node:fs/promises";
import { openApi } from "../api/openapi.ts";
import { routes } from "../api/routes/index.ts";

const { version } = JSON.parse(await readFile("package.json", "utf8")) as { version: string };
await writeFile("docs/api.json", `${JSON.stringify(openApi(routes, version), undefined, 2)}\n`);
