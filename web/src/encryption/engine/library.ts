/**
 * The encryption library: the only file that names it. Its arguments are consumed by the calls
 * that take them, so every call gets fresh ones.
 */

export * from '@matrix-org/matrix-sdk-crypto-wasm';
