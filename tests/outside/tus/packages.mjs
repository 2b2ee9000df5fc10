// The pinned packages, which ./dev installs outside the source tree.
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';

const root = new URL('../../../', import.meta.url);
export const rootFolder = fileURLToPath(root);
export const load = createRequire(new URL('build/outside/tus/', root));
