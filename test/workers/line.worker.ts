/** The line between two objects, which a test can cut: whoever calls over it hears that the other cannot be reached. */
export interface Line {
  isCut: boolean;
}

function use({ isCut }: Line): void {
  if (isCut) throw new Error('Network connection lost.');
}

/** Everything that is asked of a namespace's objects goes over the line. */
export function overLine<Namespace extends { getByName(name: string): object }>(
  to: Namespace,
  line: Line,
): Namespace {
  const stub = (one: object) =>
    new Proxy(one, {
      get: (target, act) => {
        const method: unknown = Reflect.get(target, act);
        return typeof method !== 'function'
          ? method
          : async (...args: unknown[]) => {
              use(line);
              const answer = await Reflect.apply(method, target, args);
              // Cut while it was on its way.
              use(line);
              return answer;
            };
      },
    });
  return new Proxy(to, {
    get: (target, name) =>
      name === 'getByName' ? (of: string) => stub(target.getByName(of)) : Reflect.get(target, name),
  });
}

/** What other objects ask of this one, but for requests of clients, goes over the line too. */
export function whileOpen<T extends object>(
  from: { readonly prototype: object },
  to: { readonly prototype: T },
  lineOf: (one: T) => Line,
): void {
  const {
    constructor: _,
    fetch: __,
    alarm: ___,
    ...asked
  } = Object.getOwnPropertyDescriptors(from.prototype) as Record<string, PropertyDescriptor>;
  for (const [name, { value }] of Object.entries(asked)) {
    if (typeof value !== 'function') continue;
    Object.defineProperty(to.prototype, name, {
      configurable: true,
      value(this: T, ...args: unknown[]) {
        use(lineOf(this));
        return Reflect.apply(value, this, args);
      },
    });
  }
}
