import type { output as Parsed } from "zod";
import { refusal } from "../../../domain/errors.ts";
import { packageKeys, shownFileName } from "../../../domain/packages.ts";
import type { PackageType } from "../../../domain/packages.ts";
import { needsOf } from "../../../domain/pipelines.ts";
import { lackingBuilders, StagedObjectGone } from "../../../models/operations.ts";
import {
  acceptPackage,
  acceptVersion,
  pipelineOf,
  type ReceivedOriginal,
} from "../../../models/packages/index.ts";
import { archiveType } from "../../../platform/archive.ts";
import { newId } from "../../../platform/crypto.ts";
import { findPackage } from "../../policies/packages.ts";
import { route } from "../../route.ts";
import type { ReceivedForm } from "../../route.ts";
import { AcceptedOut, NewPackage, NewVersion, PackageId } from "../../schemas/packages.ts";
import type { Services } from "../../services.ts";
import { stage, unstage, type Staged } from "../../staging.ts";
import { answerAccepted } from "./answers.ts";

export const uploadPackage = route({
  method: "post",
  path: "/api/v1/packages",
  summary: "Upload the first version of a new package",
  access: "packages:upload",
  form: NewPackage,
  fileBytes: (env) => env.MAX_PACKAGE_BYTES,
  returns: [202, AcceptedOut],
  async handle(call) {
    const { services } = call;
    const ids = { packageId: newId(), versionId: newId(), runId: newId() };
    const received = await call.receive(
      (file) => stageOriginal(services, ids, file),
      ({ key }) => unstage(services, key),
    );
    await orUnstage(services, received.file, async () => {
      const { name, pipeline } = received.fields;
      const original = await inspect(services, ids, received, pipeline);
      await acceptPackage(services.database, name, original, call);
    });
    return answerAccepted(call, ids);
  },
});

export const uploadVersion = route({
  method: "post",
  path: "/api/v1/packages/:id/versions",
  summary: "Replace what a package's link shows by a new version",
  access: "packages:upload",
  perPackage: true,
  params: PackageId,
  form: NewVersion,
  fileBytes: (env) => env.MAX_PACKAGE_BYTES,
  returns: [202, AcceptedOut],
  async handle(call) {
    const { services } = call;
    const owner = await findPackage(call);
    const ids = { packageId: owner.id, versionId: newId(), runId: newId() };
    const received = await call.receive(
      (file) => stageOriginal(services, ids, file),
      ({ key }) => unstage(services, key),
    );
    await orUnstage(services, received.file, async () => {
      const original = await inspect(services, ids, received, owner.pipeline);
      await acceptVersion(services.database, owner, original, call);
    });
    return answerAccepted(call, ids);
  },
});

type Ids = Pick<ReceivedOriginal, "packageId" | "versionId" | "runId">;
type Fields = Parsed<typeof NewVersion>;

function stageOriginal(
  services: Services,
  { packageId, versionId }: Ids,
  file: Parameters<typeof stage>[2],
): Promise<Staged> {
  const key = packageKeys.original(packageId, versionId);
  return stage(services, key, file, services.env.MAX_PACKAGE_BYTES);
}

/** Nothing stays stored of what is refused. What came before the rest of a slow form may be gone already. */
async function orUnstage(
  services: Services,
  { key }: Staged,
  accept: () => Promise<void>,
): Promise<void> {
  try {
    await accept();
  } catch (error) {
    await unstage(services, key);
    if (!(error instanceof StagedObjectGone)) throw error;
    throw refusal("request/too-slow", "The end of the upload came too late. Send it again.");
  }
  await services.bus.announce({ type: "outbox.filled", data: {} });
}

/** Looks into a stored original: its length, its digest, and by its ZIP directory its type. */
async function inspect(
  services: Services,
  ids: Ids,
  { fields, file, fileName }: ReceivedForm<Fields, Staged>,
  pipeline: string | null = null,
): Promise<ReceivedOriginal> {
  if (file.bytes === 0) throw refusal("packages/empty-file", "The file is empty. Upload it again.");
  if (fields.sha256 && fields.sha256 !== file.sha256) {
    throw refusal(
      "packages/digest-mismatch",
      "The file does not have the sha256 that was given. Upload it again.",
      { fields: { received_sha256: file.sha256 } },
    );
  }
  const type = await readType(services, file.key);
  if (type !== "apk" && /\.apk$/i.test(fileName)) {
    throw refusal(
      "packages/no-manifest",
      "The file is named .apk but has no AndroidManifest.xml. Build the APK again.",
    );
  }
  await assertBuildable(type, pipeline);
  return {
    ...ids,
    type,
    version: fields.version,
    channel: fields.channel,
    isDraft: fields.draft,
    fourEyes: services.env.FOUR_EYES,
    description: fields.description ?? null,
    pipeline,
    fileName: shownFileName(fileName),
    key: file.key,
    bytes: file.bytes,
    sha256: file.sha256,
  };
}

/** Refuses what no worker could build: its pipeline is not for it, or needs what none has. */
async function assertBuildable(type: PackageType, pipeline: string | null): Promise<void> {
  const { definition } = await pipelineOf({ type, pipeline });
  const { tools, references } = needsOf(definition);
  const inspecting = type === "apk" ? ["aapt"] : [];
  const lacking = await lackingBuilders({ tools: [...inspecting, ...tools], references });
  if (lacking.length === 0) return;
  throw refusal(
    "packages/tools-missing",
    `No worker has ${lacking.join(", ")}. Install and configure it where the worker runs, and restart that.`,
  );
}

async function readType({ objects }: Services, key: string): Promise<PackageType> {
  const object = await objects.open(key);
  if (!object) throw new StagedObjectGone(key);
  try {
    return await archiveType(object);
  } finally {
    await object.close();
  }
}
