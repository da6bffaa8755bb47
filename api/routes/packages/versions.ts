import { refusal } from "../../../domain/errors.ts";
import { decidedAgainst, notKept } from "../../../domain/packages.ts";
import { LIMITS } from "../../../domain/limits.ts";
import {
  acceptPublication,
  acceptYank,
  changeVersion,
  findChannel,
  findingsOf,
  type Package,
  type PackageVersion,
} from "../../../models/packages/index.ts";
import { newId } from "../../../platform/crypto.ts";
import { findPackage, findVersion } from "../../policies/packages.ts";
import { route } from "../../route.ts";
import {
  AcceptedOut,
  presentVersion,
  Publication,
  VersionChange,
  VersionOf,
  VersionOut,
  Yank,
} from "../../schemas/packages.ts";
import type { Services } from "../../services.ts";
import { answerAccepted } from "./answers.ts";

const DAY_MS = 86_400_000;

export const changeNotes = route({
  method: "patch",
  path: "/api/v1/packages/:id/versions/:version",
  summary: "Change the notes of a version, or pin it so that retention keeps it",
  access: "packages:upload",
  perPackage: true,
  params: VersionOf,
  body: VersionChange,
  returns: [200, VersionOut],
  async handle(call) {
    const { services, params, body } = call;
    const owner = await findPackage(call);
    const version = await findVersion(owner, params.version);
    const { description, pinned: isPinned } = body;
    await changeVersion(services.database, owner, version, { description, isPinned }, call);
    await services.bus.announce({ type: "outbox.filled", data: {} });
    return showVersion(services, owner, params.version);
  },
});

export const publishVersion = route({
  method: "post",
  path: "/api/v1/packages/:id/versions/:version/publish",
  summary: "Publish a draft, at once or at a time; the last word counts",
  access: "packages:publish",
  perPackage: true,
  params: VersionOf,
  body: Publication,
  returns: [202, AcceptedOut],
  async handle(call) {
    const { services, params, body } = call;
    const owner = await findPackage(call);
    const version = await findVersion(owner, params.version);
    assertPublishable(version);
    const at = body.at === undefined ? null : new Date(body.at);
    if (at && at.getTime() > Date.now() + LIMITS.publicationDays * DAY_MS) {
      const message = `must be within ${LIMITS.publicationDays} days`;
      throw refusal("request/invalid", "This is too far away.", {
        issues: [{ path: "at", message }],
      });
    }
    const runId = newId();
    const due = at && at.getTime() > Date.now() ? at : null;
    const publication = { runId, version, at: due, fourEyes: services.env.FOUR_EYES };
    await acceptPublication(services.database, owner, publication, call);
    return answerToldOf(call, owner, runId);
  },
});

export const yankVersion = route({
  method: "post",
  path: "/api/v1/packages/:id/versions/:version/yank",
  summary: "Withdraw a version for ever; with `fallback`, its link shows the version before it",
  access: "packages:publish",
  perPackage: true,
  params: VersionOf,
  body: Yank,
  returns: [202, AcceptedOut],
  async handle(call) {
    const { services, params, body } = call;
    const owner = await findPackage(call);
    const version = await findVersion(owner, params.version);
    const ids = { runId: newId(), fallbackRunId: newId() };
    await acceptYank(services.database, owner, { ...ids, version, ...body }, call);
    return answerToldOf(call, owner, ids.runId);
  },
});

/** A version as it is now. */
export async function showVersion({ env }: Services, owner: Package, name: string) {
  const version = await findVersion(owner, name);
  const isLive = (await findChannel(owner.id, version.channel))?.liveVersionId === version.id;
  const findings = await findingsOf([version.id]);
  return presentVersion(version, { owner, isLive, findings }, env.publicUrl);
}

/** Refuses what is not built and through the gate, and what must not be seen for another reason than being a draft. */
export function assertPublishable(version: PackageVersion): void {
  if (version.state === "removed" && !version.yankedAt) throw notKept(version.version);
  const refused = decidedAgainst(version);
  if (refused) throw refused;
  if (version.state === "ready" && version.verdict === "clear") return;
  throw refusal(
    "packages/version-not-ready",
    `Version ${version.version} is ${version.state}. Choose one that is ready.`,
  );
}

/** Wakes the relay, then answers as all accepted work is answered. */
export async function answerToldOf(
  call: Parameters<typeof answerAccepted>[0],
  { id: packageId }: Package,
  runId: string,
) {
  await call.services.bus.announce({ type: "outbox.filled", data: {} });
  return answerAccepted(call, { packageId, runId });
}
