import { listAuditEntries } from "../audit-list.ts";
import { route } from "../route.ts";
import { AuditOut, AuditQuery } from "../schemas/operations.ts";

export const listAudit = route({
  method: "get",
  path: "/api/v1/audit",
  summary: "Who did what, newest first; with `format`, everything that matches as a file",
  access: "audit:read",
  query: AuditQuery,
  returns: [200, AuditOut, "export"],
  handle: ({ query: { subject, subject_kind, ...query } }) =>
    listAuditEntries(query, {
      name: "audit",
      ...(subject !== undefined && { subjectId: subject }),
      ...(subject_kind !== undefined && { subjectKind: subject_kind }),
    }),
});
