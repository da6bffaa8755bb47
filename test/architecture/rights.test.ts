import { expect, test } from "vitest";
import type { Route } from "../../api/route.ts";
import { routes } from "../../api/routes/index.ts";
import { ABOUT_ALL, ABOUT_ONE, needsContent, SENT } from "../support/package-calls.ts";
import { sourceFiles, visit } from "../support/sources.ts";

/** The one place that says who may see which package. */
const POLICY = "api/policies/packages.ts";
const ASKS = /\b(?:findPackage|findPackageBy|findAudited|listOfPackages|listOfHeld)\b/;

test("no part of the API reads packages but by their policy", () => {
  const around = sourceFiles(["api"]).filter((file) => file !== POLICY && takesTable(file));

  expect(around).toEqual([]);
});

const guarded = Object.entries(routes).filter(([, { access }]) => access.startsWith("packages:"));
const names = (some: typeof guarded) => some.map(([name]) => name);

test("whatever is about one package asks for rights to it, and keys for single packages may call it", () => {
  const about = guarded.filter(([, { path }]) => path.startsWith("/api/v1/packages/:id"));

  expect(names(about.filter(([, { perPackage }]) => !perPackage))).toEqual([]);
});

test("a route asks its policy for packages if, and only if, it says so", () => {
  const wrong = guarded.filter(([, route]) => asks(route) !== (route.perPackage === true));

  expect(names(wrong)).toEqual([]);
});

test("only permissions of packages are asked package by package", () => {
  const other = Object.entries(routes).filter(([, route]) => route.perPackage);

  expect(names(other.filter((one) => !names(guarded).includes(one[0])))).toEqual([]);
});

test("the matrix of rights knows how every route for packages is called", () => {
  const called = [...ABOUT_ONE, ...ABOUT_ALL];
  const wrong = called.filter(({ title, route }) => title in SENT !== needsContent(route));

  expect(wrong.map(({ title }) => title)).toEqual([]);
});

test("what asks for packages and is about none in particular is a list, tested by itself", () => {
  const unnamed = ABOUT_ONE.filter(({ route: { path } }) => !/\/packages\/:id|\/query$/.test(path));

  expect(unnamed.map(({ title }) => title)).toEqual([]);
});

function asks(route: Route): boolean {
  return Object.values(route).some((part) => typeof part === "function" && ASKS.test(String(part)));
}

/** True when a file imports the table of packages, and not its type alone. */
function takesTable(file: string): boolean {
  let takes = false;
  visit(file, {
    ImportDeclaration({ importKind, specifiers }) {
      if (importKind === "type") return;
      takes ||= specifiers.some(
        (one) =>
          one.type === "ImportSpecifier" &&
          one.importKind !== "type" &&
          one.imported.type === "Identifier" &&
          one.imported.name === "Package",
      );
    },
  });
  return takes;
}
