import { refusal } from "../../domain/errors.ts";
import { type Pipeline as Definition, pipelineIssues } from "../../domain/pipelines.ts";
import { knownReferences } from "../../models/operations.ts";
import { deletePipeline as remove } from "../../models/packages/index.ts";
import {
  createPipeline as create,
  findPipelineVersion,
  listPipelineVersions,
  noPipeline,
  PipelineVersion,
  savePipeline as save,
} from "../../models/pipelines.ts";
import { route } from "../route.ts";
import {
  NewPipeline,
  Pipeline,
  PipelineName,
  PipelineOut,
  PipelineQuestion,
  PipelineRemoved,
  PipelinesOut,
  presentPipeline,
  readPipeline as read,
} from "../schemas/pipelines.ts";

export const listPipelines = route({
  method: "get",
  path: "/api/v1/pipelines",
  summary: "List what packages can go through, each in its newest version",
  access: "pipelines:read",
  returns: [200, PipelinesOut],
  handle: async () => ({ items: (await listPipelineVersions()).map(presentPipeline) }),
});

export const readPipeline = route({
  method: "get",
  path: "/api/v1/pipelines/:name",
  summary: "Show a pipeline, in its newest or any other version",
  access: "pipelines:read",
  params: PipelineName,
  query: PipelineQuestion,
  returns: [200, PipelineOut],
  handle: ({ params, query }) => show(params.name, query.version),
});

export const listVersionsOfPipeline = route({
  method: "get",
  path: "/api/v1/pipelines/:name/versions",
  summary: "List all versions of a pipeline, newest first",
  access: "pipelines:read",
  params: PipelineName,
  returns: [200, PipelinesOut],
  async handle({ params: { name } }) {
    const rows = await PipelineVersion.findAll({ where: { name }, order: [["version", "DESC"]] });
    if (rows.length === 0) throw noPipeline(name);
    return { items: rows.map(presentPipeline) };
  },
});

export const createPipeline = route({
  method: "post",
  path: "/api/v1/pipelines",
  summary: "Save a pipeline under a new name",
  access: "pipelines:administer",
  body: NewPipeline,
  returns: [201, PipelineOut],
  async handle(call) {
    const { name, ...given } = call.body;
    const definition = read(given);
    await assertSound(definition);
    await create(call.services.database, name, definition, call);
    call.header("Location", `/api/v1/pipelines/${name}`);
    return show(name);
  },
});

export const savePipeline = route({
  method: "put",
  path: "/api/v1/pipelines/:name",
  summary: "Save a pipeline as its next version; runs under way keep theirs",
  access: "pipelines:administer",
  params: PipelineName,
  body: Pipeline,
  returns: [200, PipelineOut],
  async handle(call) {
    const { name } = call.params;
    const definition = read(call.body);
    await assertSound(definition);
    await save(call.services.database, name, definition, call);
    return show(name);
  },
});

export const deletePipeline = route({
  method: "delete",
  path: "/api/v1/pipelines/:name",
  summary: "Remove a pipeline that no package goes through; its versions can still be read",
  access: "pipelines:administer",
  params: PipelineName,
  returns: [200, PipelineRemoved],
  async handle(call) {
    const { name } = call.params;
    await remove(call.services.database, name, call);
    return { name, status: "removed" as const };
  },
});

async function show(name: string, version?: number) {
  const found = await findPipelineVersion(name, version);
  if (!found) throw noPipeline(name);
  return presentPipeline(found);
}

async function assertSound(definition: Definition): Promise<void> {
  const issues = pipelineIssues(definition, await knownReferences());
  if (issues.length === 0) return;
  throw refusal("pipelines/invalid", "This pipeline cannot be saved as it is.", { issues });
}
