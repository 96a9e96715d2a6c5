/** What is used of the module that the runtime of Workers brings. */
declare module 'cloudflare:workers' {
  export class DurableObject<Env> {
    protected readonly ctx: import('./runtime.worker.ts').ObjectContext;
    protected readonly env: Env;
    constructor(ctx: import('./runtime.worker.ts').ObjectContext, env: Env);
  }
  export class WorkerEntrypoint<Env> {
    protected readonly env: Env;
  }
}
