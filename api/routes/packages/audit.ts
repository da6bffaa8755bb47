import { listAuditEntries } from "../../audit-list.ts";
import { findAudited } from "../../policies/packages.ts";
import { route } from "../../route.ts";
import { AuditOut, PackageAuditQuery } from "../../schemas/operations.ts";
import { PackageId } from "../../schemas/packages.ts";

export const listPackageAudit = route({
  method: "get",
  path: "/api/v1/packages/:id/audit",
  summary: "Who did what to a package, also after it was deleted; with `format`, as a file",
  // Not audit:read: who may administer one package need not see what is done elsewhere.
  access: "packages:administer",
  perPackage: true,
  params: PackageId,
  query: PackageAuditQuery,
  returns: [200, AuditOut, "export"],
  async handle(call) {
    const serial = await findAudited(call);
    const subject = { subjectKind: "package", subjectId: String(serial) };
    return listAuditEntries(call.query, { name: `audit-package-${serial}`, ...subject });
  },
});
