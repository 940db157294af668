#!/usr/bin/env node
/**
 * Runs src/main.ts from a bundle: it starts in a third of the time and takes half the memory, since hundreds of small
 * files need not be read and no types be stripped. Where none can be made, the sources run as they are.
 */
import { fileURLToPath } from 'node:url'
import { bundleOf } from './bundle.js'

const root = fileURLToPath(new URL('..', import.meta.url))
await import(bundleOf(root)?.href ?? new URL('../src/main.ts', import.meta.url).href)
