// SPDX-License-Identifier: Apache-2.0
import { connectOss, fromOss, SluiceError } from '../src/index.js';
import { element, explain, make } from './elements.js';
import type { User } from './user.js';

const form = element<HTMLFormElement>('refusal-form');
const other = element<HTMLInputElement>('other');
const answers = element('refusals');

/** Reaches for another user's files in earnest and shows who says no. */
export class RefusalView {
  constructor(
    private readonly user: User,
    signal: AbortSignal,
  ) {
    form.addEventListener('submit', () => void this.run(), { signal });
    other.value = user.name === 'bob' ? 'alice' : 'bob';
    answers.replaceChildren();
  }

  private async run(): Promise<void> {
    const name = other.value.trim();
    const theirs = `uploads/${name}/`;
    const { broker, grant, tokens, Oss } = this.user;
    answers.replaceChildren();
    const oss = await connectOss(Oss, tokens).catch((error) => {
      answers.append(make('li', { className: 'allowed', textContent: explain(error) }));
    });
    if (!oss) return;
    await this.attempt(`The broker, asked for a token for ../${name}/`, () => broker.issueToken({ grant, path: `../${name}/` }));
    await this.attempt(`OSS, told to put ${theirs}hello.txt with your token`, () => oss.put(`${theirs}hello.txt`, new Blob(['hello'])));
    await this.attempt(`OSS, asked to list ${theirs} with your token`, () => oss.listV2({ prefix: theirs }));
  }

  private async attempt(what: string, act: () => Promise<unknown>): Promise<void> {
    const answer = await act().then(
      () => undefined,
      (error) => (error instanceof SluiceError ? error : fromOss(error)),
    );
    const refused = answer !== undefined && !answer.retryable;
    const verdict = answer === undefined ? 'allowed it!' : refused ? 'refused' : 'did not answer';
    answers.append(
      make('li', { className: refused ? '' : 'allowed' }, `${what}: `, make('strong', { textContent: verdict }), answer ? ` (${explain(answer)})` : ''),
    );
  }
}
