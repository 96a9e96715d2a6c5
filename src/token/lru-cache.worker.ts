/** Of the package `lru-cache` what the verifier uses of it: a map that forgets what was used least recently. */

export class LRUCache<K, V> {
  readonly #entries = new Map<K, V>();
  readonly #max: number;

  constructor({ max }: { readonly max: number }) {
    this.#max = max;
  }

  get(key: K): V | undefined {
    const value = this.#entries.get(key);
    if (value !== undefined) this.set(key, value);
    return value;
  }

  set(key: K, value: V): void {
    this.#entries.delete(key);
    this.#entries.set(key, value);
    for (const oldest of this.#entries.keys()) {
      if (this.#entries.size <= this.#max) break;
      this.#entries.delete(oldest);
    }
  }

  delete(key: K): void {
    this.#entries.delete(key);
  }
}
