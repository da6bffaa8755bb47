import { AsyncLocalStorage } from "node:async_hooks";
import { readFile } from "node:fs/promises";
import { createContext, runInContext } from "node:vm";
import { expect, inject, test } from "vitest";
import * as workflows from "../../workflows/index.ts";

/** What the workflow SDK itself is made of. */
const SDK = ["@temporalio/common", "@temporalio/workflow", "long", "ms", "nexus-rpc"];

const bundle = () => readFile(inject("workflowBundle")!.codePath, "utf8");

test("the bundle holds every workflow, and loads where there is no machine", async () => {
  // What a worker hands to its sandbox.
  const given = { AsyncLocalStorage, TextEncoder, TextDecoder, URL, assert: {} };
  const context = createContext({ ...given, __webpack_module_cache__: {} });

  runInContext(await bundle(), context);
  const loaded = context["__TEMPORAL__"] as { importWorkflows: () => object };

  expect(Object.keys(loaded.importWorkflows()).sort()).toEqual(Object.keys(workflows).sort());
});

test("nothing but the SDK, the rules and the workflows is in the bundle", async () => {
  const map = /sourceMappingURL=data:[^,]+;base64,(\S+)/.exec(await bundle())?.[1] ?? "";
  const { sources } = JSON.parse(Buffer.from(map, "base64").toString()) as { sources: string[] };

  const packages = sources.map((source) => /node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(source)?.[1]);

  expect([...new Set(packages)].filter((name) => name !== undefined).sort()).toEqual(SDK);
});
