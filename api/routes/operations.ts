import { may } from "../../domain/accounts.ts";
import { refusal } from "../../domain/errors.ts";
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
  handle({ actor, query: { subject, subject_kind, ...query } }) {
    if (query.format && !may(actor, "audit:export")) {
      throw refusal("accounts/not-allowed", "This needs the permission audit:export.");
    }
    return listAuditEntries(query, {
      name: "audit",
      ...(subject !== undefined && { subjectId: subject }),
      ...(subject_kind !== undefined && { subjectKind: subject_kind }),
    });
  },
});
