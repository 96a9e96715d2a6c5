/** Which part a process of the gate has: alone, or one of several that a parent started. */
import { sumOf } from '../admission/counts.ts';
import type { Totals } from '../control.ts';
import { type Demo, startDemoProcess } from './demo-upstream.node.ts';
import { configFile } from './from-config.node.ts';

/** HOST:PORT of both listeners. */
export interface Listening {
  readonly gateway: string;
  readonly control: string;
}

export interface Place {
  /** Text of the configuration file: all processes go by the same. */
  readonly config: string | null;
  /** True for the one that does what is to be done once: drills by the clock, retention, the log's index. */
  readonly isFirst: boolean;
  /** True at a start: the configuration's policy is taken up. In the place of one that died the one in force stays. */
  readonly takesPolicy: boolean;
  /** Where all of them listen; null: as the configuration says. */
  readonly listening: Listening | null;
  /** Notes of stops that were ordered before it was up. */
  readonly orders: readonly string[];
  /** The demo upstream, where no other is configured: one for all. */
  demo(): Promise<Demo>;
  /** @param own what this process has done so far @returns what all have */
  totals(own: Totals): Promise<Totals>;
}

export function alone(env: NodeJS.ProcessEnv): Place {
  return {
    config: configFile(env),
    isFirst: true,
    takesPolicy: true,
    listening: null,
    orders: [],
    demo: startDemoProcess,
    totals: async (own) => sumOf([own]),
  };
}
