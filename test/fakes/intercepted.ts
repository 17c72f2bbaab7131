/** Decides what becomes of a call: does it, delays it, repeats it, breaks it before or after. */
export type Intercept = (name: string, call: () => Promise<unknown>) => Promise<unknown>;

/** The same port, with every call of it in the hands of a test. Calls are named `port.method`. */
export const intercepted = <Port extends object>(
  portName: string,
  port: Port,
  intercept: Intercept,
): Port =>
  new Proxy(port, {
    get: (target, property) => {
      const member: unknown = Reflect.get(target, property);
      if (typeof member !== "function") return member;
      return (...values: readonly unknown[]) =>
        intercept(`${portName}.${String(property)}`, async () =>
          Reflect.apply(member, target, values),
        );
    },
  });

/** How a process that died looks to whoever waits for it. */
export const neverSettles = () => new Promise<never>(() => {});
