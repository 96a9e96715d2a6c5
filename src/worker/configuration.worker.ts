/** The configuration on Workers: the variables and secrets of the deployment, and PORTCULLIS_CONFIG with the YAML itself. */
import { type Config, ConfigError, readConfig } from '../config.ts';
import type { Env } from './runtime.worker.ts';

/** Objects of one isolate share it: it never changes while that lives. */
const known = new WeakMap<Env, Config>();

/** @throws ConfigError */
export function configOf(env: Env): Config {
  const read = known.get(env) ?? readHere(env);
  known.set(env, read);
  return read;
}

function readHere(env: Env): Config {
  const texts = Object.entries(env).filter((one): one is [string, string] => typeof one[1] === 'string');
  const config = readConfig(Object.fromEntries(texts), textOf(env, 'PORTCULLIS_CONFIG') || null);
  const faults = [
    ...(config.upstream ? [] : ['PORTCULLIS_UPSTREAM_URL: set it; there is no demo on Workers']),
    ...(config.policy === undefined
      ? []
      : ['policy: there are no files on Workers; load it with "portcullis policy load FILE"']),
    ...(config.log.checkpointFile === undefined
      ? []
      : ['log.checkpointFile: use log.checkpointHook on Workers']),
  ];
  if (faults.length > 0) throw new ConfigError(faults);
  return config;
}

export function textOf(env: Env, name: string): string {
  const value = env[name];
  return typeof value === 'string' ? value : '';
}
