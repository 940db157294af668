import { execFile } from 'node:child_process'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

/**
 * Compiles a C file of this folder to a shared library in `folder`; resolves with its path, for LD_PRELOAD. Rejects when
 * there is no `cc`, or with what it prints.
 */
export const compileShim = async (name: string, folder: string): Promise<string> => {
  const source = fileURLToPath(new URL(`${name}.c`, import.meta.url))
  const library = path.join(folder, `${name}.so`)
  await promisify(execFile)('cc', [
    '-shared',
    '-fPIC',
    '-O2',
    '-Wall',
    '-Werror',
    '-o',
    library,
    source,
    '-ldl',
  ])
  return library
}
