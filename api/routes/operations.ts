import { AuditEntry } from "../../models/operations.ts";
import { page } from "../../models/paging.ts";
import { route } from "../route.ts";
import { AuditOut, AuditQuery, presentAuditEntry } from "../schemas/operations.ts";

export const listAudit = route({
  method: "get",
  path: "/api/v1/audit",
  summary: "Who did what, newest first",
  access: "audit:read",
  query: AuditQuery,
  returns: [200, AuditOut],
  async handle({ query: { action, subject, actor, limit, after } }) {
    const where = {
      ...(action !== undefined && { action }),
      ...(subject !== undefined && { subjectId: subject }),
      ...(actor !== undefined && { actorId: actor }),
    };
    const { items, next } = await page(AuditEntry, { where, limit, after });
    return { items: items.map(presentAuditEntry), next };
  },
});
