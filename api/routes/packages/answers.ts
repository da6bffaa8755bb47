import type { Actor } from "../../../domain/accounts.ts";
import { workflowId } from "../../../domain/ids.ts";
import { isBuild } from "../../../domain/packages.ts";
import { LIMITS } from "../../../domain/limits.ts";
import {
  type Package,
  PackageRun,
  PackageVersion,
  type ReceivedOriginal,
} from "../../../models/packages/index.ts";
import { deriveKey, signLink } from "../../../platform/crypto.ts";
import { rereadPackage, viewPackages } from "../../policies/packages.ts";
import { presentPackage, presentRunSummary } from "../../schemas/packages.ts";
import type { Services } from "../../services.ts";

interface Asked {
  actor: Actor;
  services: Services;
}

/** Packages as this actor may see them. */
export async function showPackages({ actor, services }: Asked, rows: Package[]) {
  const views = await viewPackages(actor, rows, (owner, version) =>
    originalAddress(services, owner, version),
  );
  return views.map((view) => presentPackage(view, services.env.publicUrl));
}

/** A package as this actor may see it. */
export async function showPackage(asked: Asked, row: Package) {
  const [shown] = await showPackages(asked, [row]);
  return shown!;
}

/** The answer to what was accepted: the package and the run, with the run's address as `Location`. */
export async function answerAccepted(
  call: Asked & { header(name: string, value: string): void },
  { packageId, runId }: Pick<ReceivedOriginal, "packageId" | "runId">,
) {
  const row = await rereadPackage({ id: packageId });
  const run = await PackageRun.findByPk(runId, { rejectOnEmpty: true });
  const version = await PackageVersion.findByPk(run.versionId, { rejectOnEmpty: true });
  call.header("Location", runPath(row, run));
  return { ...(await showPackage(call, row)), run: presentRunSummary(run, version.version) };
}

export function runPath(owner: Package, run: PackageRun): string {
  return `/api/v1/packages/${owner.serial}/runs/${run.id}`;
}

/** The address of an original that is good for a minute without signing in. */
export function originalAddress(
  { env, secretKey }: Services,
  owner: Pick<Package, "serial">,
  { version }: Pick<PackageVersion, "version">,
): string {
  const path = `/api/v1/packages/${owner.serial}/versions/${version}/original`;
  const expiresAt = Math.floor(Date.now() / 1000) + LIMITS.originalLinkSeconds;
  const signature = signLink(deriveKey(secretKey, "links"), { method: "GET", path, expiresAt });
  return `${env.publicUrl}${path}?expires=${expiresAt}&signature=${signature}`;
}

/** Where an operator looks at a run in Temporal's Web UI. */
export function temporalAddress({ env }: Services, owner: Package, run: PackageRun): string {
  const id = isBuild(run.kind)
    ? workflowId("package", owner.id, "build", run.id)
    : workflowId("package", owner.id);
  const { temporalUiUrl, TEMPORAL_NAMESPACE } = env;
  return `${temporalUiUrl}/namespaces/${TEMPORAL_NAMESPACE}/workflows/${encodeURIComponent(id)}`;
}
