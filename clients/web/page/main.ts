// SPDX-License-Identifier: Apache-2.0
import { type Config, loadConfig } from './config.js';
import { element, explain, say } from './elements.js';
import { FilesView } from './files_view.js';
import { RefusalView } from './refusal_view.js';
import { Session } from './session.js';
import { UploadView } from './upload_view.js';
import { userOf } from './user.js';

const form = element<HTMLFormElement>('sign-in');
const subject = element<HTMLInputElement>('subject');
const password = element<HTMLInputElement>('password');
const status = element('sign-in-status');
const rest = ['signed-in', 'upload', 'files', 'refusal'].map((id) => element(id));

// A reload keeps who is signed in for this tab: the name alone, no token.
const REMEMBERED = 'sluice-subject';

let leaving = new AbortController();

async function signIn(config: Config, name: string): Promise<void> {
  say(status, 'Signing in…');
  try {
    const user = await userOf(config, new Session(name, config, password.value));
    sessionStorage.setItem(REMEMBERED, name);
    leaving = new AbortController();
    element('who').textContent = user.name;
    element('prefix').textContent = `${user.scope.bucket}/${user.scope.prefix}`;
    form.hidden = true;
    for (const part of rest) part.hidden = false;
    const files = new FilesView(user, leaving.signal);
    new UploadView(user, () => void files.show(), leaving.signal);
    new RefusalView(user, leaving.signal);
    say(status, '');
  } catch (error) {
    say(status, explain(error), 'bad');
  }
}

function signOut(): void {
  leaving.abort();
  sessionStorage.removeItem(REMEMBERED);
  form.hidden = false;
  for (const part of rest) part.hidden = true;
}

for (const each of document.querySelectorAll('form:not([method="dialog"])')) {
  each.addEventListener('submit', (event) => event.preventDefault());
}
try {
  const config = await loadConfig();
  for (const each of document.querySelectorAll<HTMLElement>('.password')) each.hidden = !config.identityAsksPassword;
  form.addEventListener('submit', () => void signIn(config, subject.value.trim()));
  element('sign-out').addEventListener('click', signOut);
  const remembered = sessionStorage.getItem(REMEMBERED);
  if (remembered && !config.identityAsksPassword) await signIn(config, remembered);
} catch (error) {
  say(status, explain(error), 'bad');
}
