// SPDX-License-Identifier: Apache-2.0
import { SluiceError } from '../src/index.js';

/** The element of this id, which index.html has. */
export function element<T extends HTMLElement>(id: string): T {
  const found = document.getElementById(id);
  if (!found) throw new Error(`index.html has no #${id}`);
  return found as T;
}

/** A new element with text and attributes; never HTML from outside. */
export function make<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  properties: Partial<HTMLElementTagNameMap[K]> = {},
  ...children: (Node | string)[]
): HTMLElementTagNameMap[K] {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}

export function say(status: HTMLElement, text: string, mood: '' | 'good' | 'bad' = ''): void {
  status.textContent = text;
  status.className = `status ${mood}`.trim();
}

export function explain(error: unknown): string {
  if (error instanceof SluiceError) return `${error.reason}: ${error.message}`;
  return error instanceof Error ? error.message : String(error);
}

export function bytesText(bytes: number): string {
  if (bytes < 1000) return `${bytes} B`;
  if (bytes < 1e6) return `${(bytes / 1e3).toFixed(0)} KB`;
  return `${(bytes / 1e6).toFixed(1)} MB`;
}
