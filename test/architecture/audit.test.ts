import { expect, test } from "vitest";
import { FOLDERS, sourceFiles, visit } from "../support/sources.ts";

test("audit entries are only ever added, and in one place", () => {
  const reading = /^(find|count|init$|build$)/;
  const writing: string[] = [];

  for (const file of sourceFiles(FOLDERS.filter((folder) => folder !== "test"))) {
    visit(file, {
      MemberExpression({ object, property }) {
        if (object.type !== "Identifier" || object.name !== "AuditEntry") return;
        const name = property.type === "Identifier" ? property.name : "a name that is computed";
        if (!reading.test(name) || (name === "build" && file !== "models/operations/audit.ts")) {
          writing.push(`${file}: AuditEntry.${name}`);
        }
      },
    });
  }

  expect(writing).toEqual([]);
});
