/** Acts on the gate that are done when every holder of a lease knows of them, or holds none any more. */
import type { Control } from '../control.ts';
import type { Holders } from './holders.worker.ts';

type Acts = Omit<Control, 'drills'>;

/** A stop waits by itself, and says for whom. */
export function heard<T extends Acts>(control: T, holders: Pick<Holders, 'told'>): T {
  const after = async <V>(act: Promise<V>): Promise<V> => {
    const done = await act;
    await holders.told();
    return done;
  };
  const acts: Partial<Acts> = {
    write: (job) => after(control.write(job)),
    release: (...how) => after(control.release(...how)),
    readmit: (...how) => after(control.readmit(...how)),
    issueToken: (...how) => after(control.issueToken(...how)),
    rotateKeys: (...how) => after(control.rotateKeys(...how)),
    withdrawKey: (...how) => after(control.withdrawKey(...how)),
    loadPolicy: (...how) => after(control.loadPolicy(...how)),
  };
  return { ...control, ...acts };
}
