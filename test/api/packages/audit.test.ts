import { describe, expect, test } from "vitest";
import { permitsBy } from "../../../domain/accounts.ts";
import { inTransaction } from "../../../models/database.ts";
import { Package, removePackageRows } from "../../../models/packages/index.ts";
import { ADMIN, startApi, STRANGER } from "../../support/api.ts";
import { uploadPackage } from "../../support/packages.ts";

describe("GET /api/v1/packages/:id/audit", () => {
  test("tells who did what to this package, and nothing of others", async () => {
    const api = await startApi();
    const one = (await uploadPackage(api, { version: "1.0.0" })).body;
    const other = (await uploadPackage(api)).body;

    const { status, body } = await api.call(ADMIN, "GET", `/api/v1/packages/${one.id}/audit`);

    expect(status).toBe(200);
    expect(body.items).toEqual([
      expect.objectContaining({
        action: "packages.created",
        actor: { id: ADMIN.accountId, name: ADMIN.name },
        subject: { kind: "package", id: one.id },
        address: "127.0.0.1",
        before: null,
        after: { name: one.name, type: "zip", channel: "stable", version: "1.0.0" },
      }),
    ]);
    expect(other.id).not.toBe(one.id);
  });

  test("can be narrowed and be had as a file", async () => {
    const api = await startApi();
    const { id } = (await uploadPackage(api)).body;
    const path = `/api/v1/packages/${id}/audit`;

    const none = await api.call(ADMIN, "GET", `${path}?action=packages.rolled-back`);
    const file = await api.call(ADMIN, "GET", `${path}?format=csv`);
    const foreign = await api.call(ADMIN, "GET", `${path}?subject=1`);

    expect(none.body).toEqual({ items: [], next: null });
    expect(file.headers.get("Content-Disposition")).toBe(
      `attachment; filename="audit-package-${id}.csv"`,
    );
    expect(file.body.split("\r\n")).toHaveLength(3);
    expect(foreign.status).toBe(422);
  });

  test("stays when the package is gone, for those who administer all packages", async () => {
    const api = await startApi();
    const { id, name } = (await uploadPackage(api)).body;
    const path = `/api/v1/packages/${id}`;
    const { id: uuid } = await Package.findOne({ rejectOnEmpty: true });
    const holder = { ...STRANGER, keyId: uuid, packages: { [uuid]: permitsBy(["administer"]) } };

    await api.call(ADMIN, "DELETE", path, { json: { name } });
    const leaving = await api.call(ADMIN, "GET", `${path}/audit`);
    await inTransaction(api.services.database, (transaction) =>
      removePackageRows(uuid, transaction),
    );
    const gone = await api.call(ADMIN, "GET", `${path}/audit`);
    const denied = await api.call(holder, "GET", `${path}/audit`);

    expect(leaving.body.items[0].action).toBe("packages.deleted");
    expect(gone.body).toEqual(leaving.body);
    expect(denied.status).toBe(404);
  });

  test("is for those who may administer packages; an auditor asks for the whole audit", async () => {
    const api = await startApi();
    const { id } = (await uploadPackage(api)).body;
    const ask = async (...permissions: ("packages:administer" | "audit:read")[]) => {
      const actor = { ...STRANGER, permissions };
      return (await api.call(actor, "GET", `/api/v1/packages/${id}/audit`)).status;
    };

    expect(await ask("packages:administer")).toBe(200);
    expect(await ask("audit:read")).toBe(403);
    expect(await api.call(ADMIN, "GET", "/api/v1/packages/999999/audit")).toMatchObject({
      status: 404,
      body: { code: "packages/not-found" },
    });
  });
});
