import { DeadlineError, withDeadline } from '../../runtime/deadline.ts'
import type { Context } from '../context.ts'
import { type KeyPair } from '../entropy.ts'
import { couldNotLink, SandboxError } from '../errors.ts'
import { isDeviceIdentityValid, signDeviceIdentity } from '../protocol/adv.ts'
import { serverJid } from '../protocol/jid.ts'
import { normalizeLinkCode, openKeyBundle, unwrapWithCode, wrapWithCode } from '../protocol/link-code.ts'
import { attr, child, childBytes, element, type Node } from '../protocol/node.ts'
import { parseLinkingQr } from '../protocol/qr-text.ts'
import { notification, pairSuccess, streamError } from '../protocol/stanzas.ts'
import type { Pairings, PairingSession } from '../session/pairings.ts'
import { announceDevice } from '../session/router.ts'
import { type Account, type Companion, jidOf } from '../state/account.ts'
import { createKeyStore } from '../state/key-store.ts'
import { createMailbox } from '../state/mailbox.ts'
import { readQr } from './qr-image.ts'

/** As many as a real phone allows. */
const companionsMax = 4
/** 99 is a hosted device to clients, and a device number is one byte on the wire. */
const deviceMax = 98
/** How long a client may take to answer a stanza of the linking. */
const answerMaxMs = 15_000
const restartRequired = 515
const platformName = 'android'
const ephemeralSaltBytes = 32
const ephemeralIvBytes = 16

const answerOf = async (pairing: PairingSession, key: string, send: () => void): Promise<Node> => {
  const answer = pairing.expect(key)
  send()
  try {
    return await withDeadline(answer, answerMaxMs, 'the client')
  } catch (error) {
    const reason =
      error instanceof DeadlineError
        ? 'the client did not answer'
        : 'the client closed the connection before it confirmed'
    throw couldNotLink(409, reason)
  }
}

/** The next number in turn that is free: an old session should not meet a new device soon. */
const nextDevice = (account: Account): number => {
  do account.lastDevice = (account.lastDevice % deviceMax) + 1
  while (account.companions.has(account.lastDevice))
  return account.lastDevice
}

const addCompanion = (
  context: Context,
  account: Account,
  pairing: PairingSession,
  ids: { device: number; keyIndex: number },
): Companion => {
  const { registration } = pairing
  const companion: Companion = {
    account,
    ...ids,
    noiseKey: registration.noiseKey,
    keys: createKeyStore(registration),
    mailbox: createMailbox({
      counters: context.counters,
      ...(context.backlogHoldMs === undefined ? {} : { holdMs: context.backlogHoldMs }),
    }),
    platform: registration.platform,
    linkedAt: context.clock.now(),
    logins: 0,
    sentIds: new Set(),
    hasInitialSync: false,
    session: undefined,
  }
  account.companions.set(ids.device, companion)
  return companion
}

/** Vouches for the client, checks its signature, and tells it to log in (stream error 515). */
const link = async (
  context: Context,
  account: Account,
  pairing: PairingSession,
  advSecret: Buffer,
): Promise<Companion> => {
  if (account.companions.size >= companionsMax) {
    throw couldNotLink(409, `this phone has ${companionsMax} linked devices already, unlink one first`)
  }
  const { identityKey } = pairing.registration
  const ids = { device: nextDevice(account), keyIndex: ++account.lastKeyIndex }
  const identity = { rawId: account.rawId, keyIndex: ids.keyIndex, timestampSeconds: context.nowSeconds() }
  const signed = signDeviceIdentity(identity, account.identity, identityKey, advSecret)
  const id = context.nextId()
  const names = {
    jid: jidOf(account, ids.device),
    lid: jidOf(account, ids.device, 'lid'),
    platform: platformName,
  }
  const answer = await answerOf(pairing, id, () => pairing.send(pairSuccess(id, names, signed.withHmac)))
  const encoded = childBytes(child(answer, 'pair-device-sign'), 'device-identity')
  if (encoded === undefined) throw couldNotLink(409, 'the client refused')
  if (!isDeviceIdentityValid(encoded, account.identity.public, identityKey)) {
    throw couldNotLink(409, "the client's signature is wrong")
  }
  const companion = addCompanion(context, account, pairing, ids)
  context.counters.pairings++
  announceDevice(context, companion, 'add')
  context.log('info', { companion: names.jid }, 'companion linked')
  pairing.send(streamError(restartRequired))
  pairing.close()
  return companion
}

const claimed = async <T>(pairing: PairingSession, work: () => Promise<T>): Promise<T> => {
  if (!pairing.claim()) throw couldNotLink(409, 'this device was linked already, or is being linked')
  try {
    return await work()
  } catch (error) {
    pairing.release()
    throw error
  }
}

/**
 * Scans a QR, given as a PNG data URL or as its text.
 *
 * @returns the companion, once it has confirmed
 * @throws SandboxError 422 for what is no QR of WhatsApp's; 409 for one that is expired, used or refused
 */
export const linkByQr = async (
  context: Context,
  pairings: Pairings,
  account: Account,
  value: string,
): Promise<Companion> => {
  const qr = parseLinkingQr(readQr(value))
  if (qr === undefined) throw couldNotLink(422, "this is not WhatsApp's linking QR")
  const pairing = pairings.byRef(qr.ref)
  if (pairing === undefined) throw couldNotLink(409, 'the server does not know this QR')
  if (pairing === 'expired' || !pairing.isOpen) {
    throw couldNotLink(409, 'this QR has expired, scan the one that is shown now')
  }
  const { noiseKey, identityKey } = pairing.registration
  if (!qr.noiseKey.equals(noiseKey) || !qr.identityKey.equals(identityKey)) {
    throw couldNotLink(422, "the QR's keys are not those of the client that shows it")
  }
  const refusal = pairing.refusal(qr.advSecret)
  if (refusal !== undefined) throw couldNotLink(409, refusal)
  return claimed(pairing, () => link(context, account, pairing, qr.advSecret))
}

const agreeByCode = async (
  context: Context,
  account: Account,
  pairing: PairingSession,
  code: string,
): Promise<Buffer> => {
  const request = pairing.codeRequest
  if (request === undefined) throw couldNotLink(409, 'the device does not wait for a code any more')
  const companionEphemeral = await unwrapWithCode(request.wrappedEphemeral, code)
  if (companionEphemeral === undefined) throw couldNotLink(409, "the device's request is malformed")
  const primary: KeyPair = context.entropy.keyPair(`code ${request.ref.toString('hex')} ${context.nextId()}`)
  const wrapped = await wrapWithCode(primary.public, code, {
    salt: context.entropy.next('code salt', ephemeralSaltBytes),
    iv: context.entropy.next('code iv', ephemeralIvBytes),
  })
  const hello = notification(
    {
      id: context.nextId(),
      type: 'link_code_companion_reg',
      from: serverJid,
      t: context.nowSeconds(),
    },
    [
      element('link_code_companion_reg', { stage: 'primary_hello' }, [
        element('link_code_pairing_ref', {}, request.ref),
        element('primary_identity_pub', {}, account.identity.public),
        element('link_code_pairing_wrapped_primary_ephemeral_pub', {}, wrapped),
      ]),
    ],
  )
  const finish = await answerOf(pairing, request.ref.toString('hex'), () => pairing.send(hello))
  const bundle = childBytes(finish, 'link_code_pairing_wrapped_key_bundle')
  const companion = childBytes(finish, 'companion_identity_public')
  if (bundle === undefined || companion === undefined || attr(finish, 'jid') === undefined) {
    throw couldNotLink(409, "the device's answer is malformed")
  }
  const advSecret = openKeyBundle(bundle, companionEphemeral, primary, {
    phone: account.identity,
    companion: pairing.registration.identityKey,
  })
  if (advSecret === undefined) throw couldNotLink(422, 'wrong code, look at the device and try again')
  return advSecret
}

/**
 * Enters the code that a device shows.
 *
 * @throws SandboxError 422 for a wrong or malformed code; 409 when no device waits for one
 */
export const linkByCode = async (
  context: Context,
  pairings: Pairings,
  account: Account,
  typed: string,
): Promise<Companion> => {
  const code = normalizeLinkCode(typed)
  if (code === undefined) throw new SandboxError(422, 'a code has 8 letters or digits')
  const pairing = pairings.byNumber(account.number)
  if (!pairing?.isOpen) throw couldNotLink(409, `no device waits for a code of ${account.number}`)
  return claimed(pairing, async () => {
    const advSecret = await agreeByCode(context, account, pairing, code)
    return link(context, account, pairing, advSecret)
  })
}
