import { expect, test } from "vitest";
import { makePerson, post, startWithAdmin } from "../support/accounts.ts";
import { send } from "../support/http.ts";

test("NUL in a path, query or body is told like any other fault, wherever it is", async () => {
  const api = await startWithAdmin();
  const boss = await makePerson(api, "admin", "boss");
  const held = (path: string, place: string) => ({
    status: 422,
    body: {
      code: "request/invalid",
      issues: [{ path, in: place, message: "must not hold NUL" }],
    },
  });

  const login = { username: "ann\0", password: "correct horse" };
  const role = { name: "helper", permissions: [], description: "a\0b" };

  expect(await post(api, "/api/v1/auth/login", login)).toMatchObject(held("username", "body"));
  expect(await boss.call("POST", "/api/v1/admin/roles", role)).toMatchObject(
    held("description", "body"),
  );
  expect(await boss.call("GET", "/api/v1/teams/%00")).toMatchObject(held("id", "path"));
  expect(await boss.call("GET", "/api/v1/admin/users?q=a%00")).toMatchObject(held("q", "query"));
});

test("a body may be as deep as its bytes allow", async () => {
  const api = await startWithAdmin();
  const deep = `${"[".repeat(100_000)}"\\u0000"${"]".repeat(100_000)}`;

  const { status } = await send(api.address, {
    method: "POST",
    path: "/api/v1/auth/login",
    headers: { "Content-Type": "application/json" },
    body: deep,
  });

  expect(status).toBe(422);
});
