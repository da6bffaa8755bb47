import { createAccounts } from "./20261121T0900-create-accounts.ts";
import { createOperations } from "./20261121T0910-create-operations.ts";
import { createPackages } from "./20261121T0920-create-packages.ts";
import { chainAudit } from "./20261121T1000-chain-audit.ts";
import { createWebhooks } from "./20261121T1010-create-webhooks.ts";
import { addChannels } from "./20261121T1020-add-channels.ts";
import { addRebuilds } from "./20261121T1100-add-rebuilds.ts";
import { addCancellations } from "./20261121T1101-add-cancellations.ts";
import { createPipelines } from "./20261121T1102-create-pipelines.ts";
import { createFindings } from "./20261121T1110-create-findings.ts";
import { markGateYanks } from "./20261121T1111-mark-gate-yanks.ts";
import { countDownloads } from "./20261121T1120-count-downloads.ts";
import { indexLists } from "./20261121T1130-index-lists.ts";
import { addRetention } from "./20261121T1140-add-retention.ts";
import { createSchedules } from "./20261121T1141-create-schedules.ts";
import { restrictApiKeys } from "./20261121T1150-restrict-api-keys.ts";
import { addVerification } from "./20261121T1200-add-verification.ts";
import { createTotp } from "./20261121T1250-create-totp.ts";
import { createWechat } from "./20261121T1260-create-wechat.ts";
import { createOidc } from "./20261121T1270-create-oidc.ts";
import { createLedger } from "./20261121T1300-create-ledger.ts";
import { delayWorkflows } from "./20261121T1350-delay-workflows.ts";
import { createRoles } from "./20261121T1400-create-roles.ts";
import { createTeams } from "./20261121T1410-create-teams.ts";
import { demandApproval } from "./20261121T1420-demand-approval.ts";
import { indexSessions } from "./20261121T1430-index-sessions.ts";
import { createCards } from "./20261121T1500-create-cards.ts";
import { indexCards } from "./20261121T1540-index-cards.ts";
import { indexCardNotes } from "./20261121T1545-index-card-notes.ts";
import { createCardBulks } from "./20261121T1550-create-card-bulks.ts";
import { createCardImports } from "./20261121T1560-create-card-imports.ts";
import { createDownloads } from "./20261121T1600-create-downloads.ts";
import { createProxies } from "./20261121T1650-create-proxies.ts";
import { createGates } from "./20261121T1651-create-gates.ts";
import { createFeeds } from "./20261121T1700-create-feeds.ts";
import { createDisks } from "./20261121T1710-create-disks.ts";
import { tellSellers } from "./20261121T1750-tell-sellers.ts";
import { forgetCardResults } from "./20261121T1770-forget-card-results.ts";
import { shareMedia } from "./20261122T1730-share-media.ts";
import { chargeTransfers } from "./20261122T1780-charge-transfers.ts";
import { addPlaylists } from "./20261122T1790-add-playlists.ts";
import { countLives } from "./20261122T1800-count-lives.ts";
import type { Migration } from "./migration.ts";

/** Every migration, oldest first: a list and not a folder, so that compiled and uncompiled programs agree. */
export const MIGRATIONS: readonly Migration[] = [
  createAccounts,
  createOperations,
  createPackages,
  chainAudit,
  createWebhooks,
  addChannels,
  addRebuilds,
  addCancellations,
  createPipelines,
  createFindings,
  markGateYanks,
  countDownloads,
  indexLists,
  addRetention,
  createSchedules,
  restrictApiKeys,
  addVerification,
  createTotp,
  createWechat,
  createOidc,
  createLedger,
  delayWorkflows,
  createRoles,
  createTeams,
  demandApproval,
  indexSessions,
  createCards,
  indexCards,
  indexCardNotes,
  createCardBulks,
  createCardImports,
  createDownloads,
  createProxies,
  createGates,
  createFeeds,
  createDisks,
  tellSellers,
  forgetCardResults,
  shareMedia,
  chargeTransfers,
  addPlaylists,
  countLives,
];
