/** Why a command did not do its work; program.ts turns each into its exit code. */

/** The server, or the database under `--offline`, said no. */
export class Refused extends Error {}

/** The command line does not say what to do. */
export class Usage extends Error {}

/** A file has faults; its message is their list, and stands by itself. */
export class Faults extends Usage {}

/** Unreachable, failed, or broken. */
export class Fault extends Error {}

/** The control listener did not answer at all. */
export class Unreachable extends Fault {}
