const KiB = 1024;
const MiB = 1024 * KiB;
const GiB = 1024 * MiB;

/** Every number a user can run into. */
export const LIMITS = {
  packageBytes: 20 * GiB,
  archiveEntries: 200_000,
  /** What unpacks to more than this and to over `archiveRatio` times its size is a bomb until a person says otherwise. */
  archiveUnpackedBytes: 1 * GiB,
  archiveRatio: 100,
  /** The largest file, package or entry that ClamAV can look into, and how much of a package it unpacks. */
  scannedFileBytes: 2 * GiB - 1,
  scannedBytes: 4000 * MiB,
  packageNameCharacters: 100,
  packageNameBytes: 255,
  descriptionCharacters: 5000,
  fileNameBytes: 200,
  jsonBodyBytes: 1 * MiB,
  jsonBodySeconds: 60,
  formFieldBytes: 64 * KiB,
  formFields: 32,
  /** Ranges asked for in one request; more than these, and the whole is sent. */
  byteRanges: 50,
  pipelineSteps: 20,
  commandWords: 100,
  commandWordCharacters: 1000,
  stepSeconds: 86_400,
  stepTries: 10,
  stepPauseSeconds: 600,
  patternCharacters: 200,
  /** A picture or a property list inside a package; larger ones are not looked at. */
  iconBytes: 1 * MiB,
  stepLogBytes: 1 * MiB,
  /** How much of both ends is fetched back through the public address to prove a publication. */
  publicationProbeBytes: 1 * MiB,
  originalLinkSeconds: 60,
  /** How long the address is good by which the S3 server gives out bytes: long enough to begin. */
  presignedSeconds: 60,
  /** How far ahead a publication may be ordered. */
  publicationDays: 366,
  shortestIntervalSeconds: 60,
  longestIntervalSeconds: 366 * 86_400,
  /** Days of statistics in one answer. */
  statisticsDays: 366,
  runOutputDays: 7,
  /** How many versions of a channel a package may be told to keep. */
  retainedVersions: 10_000,
  /** How long a version that left its link is kept for sure, unless its package says otherwise. */
  graceHours: 24,
  longestGraceHours: 8784,
  stagedLeaseSeconds: 60,
  listItems: 100,
  /** Money in one piece: what the contract's clients can hold, ten digits with two of them behind the point. */
  amountFen: 9_999_999_999,
  /** How long somebody may take to pay at a provider. */
  paymentSeconds: 1800,
  /** How long money may be held without anybody saying that the work goes on. */
  holdSeconds: 30 * 86_400,
  /** Cards in one order; administrators may confirm a larger one. */
  batchCards: 10_000,
  confirmedBatchCards: 1_000_000,
  /** What one import may have: its lines, each of them, the file, and the file with its codes sealed. */
  importLines: 100_000,
  importLineCharacters: 4000,
  importBytes: 64 * MiB,
  storedImportBytes: 512 * MiB,
  /** Cards that are named one by one for one order. */
  bulkIds: 1000,
  shortestCode: 6,
  longestCode: 32,
  cardNoteCharacters: 500,
  cardEntitlements: 50,
  /** How many machines one card may be for. */
  cardMachines: 1000,
  shortestCardTermSeconds: 60,
  /** An address of media, and a page of the list of them. */
  downloadUrlCharacters: 2048,
  /** The longest that a file is there which is not kept for ever, from the moment that is asked for. */
  downloadTtlSeconds: 30 * 86_400,
  /** The longest pause between two tries that a source may ask for. */
  downloadPauseSeconds: 6 * 3600,
  /** The longest that one try may take. */
  downloadSeconds: 6 * 3600,
  /** How many media of one list are fetched: the first ones. */
  playlistMedia: 500,
  /** How long what a source says of its media is believed. */
  parseSeconds: 3600,
  /** What a source says of its media is never longer. */
  sourceFactsBytes: 8 * 1024 * 1024,
  fileTicketSeconds: 90,
  /** How long it is kept how proxies were used, and how much of it one question may be about. */
  proxyUsageDays: 62,
  proxyUsageSpanDays: 31,
  proxyPages: 10_000,
  /** How many downloads may be behind one gate at a time, and how often in how many seconds it may be passed. */
  gatePlaces: 10_000,
  gateRatePoints: 100_000,
  gateRateSeconds: 86_400,
  /** How many downloads may go through one proxy at a time. */
  proxyPlaces: 1000,
  cookieCharacters: 500_000,
  webhookUrlCharacters: 1000,
  webhookDescriptionCharacters: 500,
  webhookTimeoutSeconds: 20,
  /** How much of a receiver's answer is kept. */
  webhookExcerptBytes: 1 * KiB,
  /** How long a rotated secret still signs beside the new one. */
  webhookOverlapHours: 24,
  webhookDeliveryDays: 30,
  /** How often, at most, sellers are told how the cards of a product stand. */
  cardNewsSeconds: 60,
  /** Who has less than this after a charge, in fen, is told. */
  lowBalanceFen: 1000,
  /** What a feed keeps for those who were away: for so long, and so many frames. */
  feedHours: 24,
  feedFrames: 10_000,
  /** Of the lines that a task's log grows by at once, so many are told: the last ones. */
  feedLines: 20,
  /** How long a task that is over can still be asked for by its id, and how many tasks are told of on connecting. */
  feedTaskDays: 7,
  feedStateTasks: 200,
  /** How much may wait for a client that follows a feed before it is sent away. */
  feedWaitingBytes: 1 * MiB,
  /** What a client may say on a socket at once, and how often within a second. */
  feedMessageBytes: 16 * KiB,
  feedMessagesPerSecond: 50,
  /** How many packages one API key may be for. */
  apiKeyPackages: 200,
  /** How long a code is good that was sent to a phone or by mail, the pause before the next one, and wrong tries. */
  codeSeconds: 1800,
  codeGapSeconds: 60,
  codeTries: 5,
  /** So many passwords wait to be checked; who comes then is asked to come again. */
  waitingPasswords: 200,
  /** The shortest password that may be chosen. */
  passwordCharacters: 6,
  /** How long an e-mail address is kept for whoever registered with it and has not proven it. */
  unverifiedEmailSeconds: 86_400,
  /** How many teams one person may own, and how many people one team may have. */
  ownedTeams: 50,
  teamMembers: 500,
  /** Invitations of one team that nobody has answered. */
  openInvitations: 100,
  invitationDays: 14,
  /** What a card's whole code, a machine's code, and the parts of one may have. */
  cardCodeCharacters: 128,
  /** The same as somebody may write it, with spaces; what is longer is no code. */
  shownCodeCharacters: 1000,
  machineCodeCharacters: 128,
  machineParts: 16,
  useIdCharacters: 64,
  /** The longest time a card may be given at once: a hundred years. */
  cardTermSeconds: 100 * 366 * 86_400,
  idempotencyKeyCharacters: 255,
  idempotencyKeyHours: 24,
  /** How long a sign-in waits for its second proof. */
  challengeSeconds: 300,
  /** How long a sign-in at an OpenID provider may take. */
  oidcSeconds: 600,
  /** How long each step of a sign-in by WeChat waits for the next one. */
  sceneSeconds: 300,
  recoveryCodes: 10,
} as const;
