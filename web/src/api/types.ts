/** The things the server speaks of, named as the client names them. */

import type { components } from './schema';

type Schemas = components['schemas'];

/** What the server says of itself to whoever arrives. */
export type Instance = Schemas['Instance'];
/** A person's account. */
export type User = Schemas['User'];
/** People, channels and roles; with the caller's own role. */
export type Community = Schemas['Community'];
/** What somebody is in a community. */
export type Role = Schemas['Role'];
/** One member of a community: who, as what, since when. */
export type Member = Schemas['CommunityMember'];
/** A channel, as the caller sees it. */
export type Channel = Schemas['Channel'];
/** A message of a channel. What it says is asked of `state/message_content.ts`. */
export type Message = Schemas['Message'];
/** A message that a user wrote. Only members can read it. */
export type UserMessage = Extract<Message, { kind: 'user' }>;
/** A webhook, without its secret. */
export type Webhook = Schemas['Webhook'];
/** A new webhook with its secret, which is answered only once. */
export type CreatedWebhook = Schemas['CreatedWebhook'];
/** One mention of the user. */
export type Notification = Schemas['Notification'];
/** A page of the user's notifications. */
export type Inbox = Schemas['Inbox'];
/** An invite to a community, as its admins see it. */
export type Invite = Schemas['Invite'];
/** Where an invite leads, as anybody with the code sees it. */
export type InvitePreview = Schemas['InvitePreview'];
/** One of the user's sign-ins. */
export type SessionInfo = Schemas['Session'];
/** A device that is reached by Web Push. */
export type PushDevice = Schemas['PushDevice'];
/** What is wrong with one field of a body. */
export type FieldError = Schemas['FieldError'];
