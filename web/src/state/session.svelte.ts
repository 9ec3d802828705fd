/** Who is signed in here. */

import { type Api, asProblem, type Problem } from '../api/http';
import type { Instance, SessionInfo, User } from '../api/types';

/** How an account is made. */
export interface Registration {
  username: string;
  password: string;
  display_name?: string;
  invite?: string;
}

/** What the client does when who is signed in changes. */
export interface SessionEvents {
  /** Somebody is signed in, on this page or on another one. */
  signedIn(user: User): void;
  /** Somebody has typed this password, and it was right. */
  passwordGiven(password: string): void;
  /** This user was signed in and is not any more. */
  signedOut(user: User): void;
  /** Somebody is about to sign out: what needs the session is done before it ends. */
  leaving(): Promise<void>;
}

/** The sign-in of this browser. */
export class Session {
  status = $state<'loading' | 'signed_out' | 'signed_in'>('loading');
  user = $state.raw<User | null>(null);
  /** Why it is not known who is signed in, while `status` is `loading`. */
  error = $state.raw<Problem | null>(null);
  /** Whether the server has no account yet, so that whoever registers becomes its owner. */
  firstRun = $state(false);
  /** Who may register. */
  registration = $state<Instance['registration']>('invite');

  readonly #api: Api;
  readonly #events: SessionEvents;
  #lookingAround: Promise<void> | null = null;

  constructor(api: Api, events: SessionEvents) {
    this.#api = api;
    this.#events = events;
    api.onUnauthenticated = () => this.end();
  }

  /** Finds out who is signed in. Never rejects: what went wrong is in `error`. */
  check = async (): Promise<void> => {
    try {
      const { user } = await this.#api.get('/api/auth/session');
      this.#begin(user);
    } catch (error) {
      const problem = asProblem(error);
      if (problem.status === 401) await this.#lookingAround;
      else if (this.status === 'loading') this.error = problem;
    }
  };

  async signIn(username: string, password: string): Promise<void> {
    const { user } = await this.#api.post('/api/auth/login', { body: { username, password } });
    this.#begin(user);
    this.#events.passwordGiven(password);
  }

  async register(registration: Registration): Promise<void> {
    const { user } = await this.#api.post('/api/auth/register', { body: registration });
    this.#begin(user);
    this.#events.passwordGiven(registration.password);
  }

  /** Signs out; first this device's push subscription is ended. */
  signOut = async (): Promise<void> => {
    await this.#events.leaving();
    try {
      await this.#api.post('/api/auth/logout');
    } catch (error) {
      // It was over already: then this is what was wanted.
      if (asProblem(error).status !== 401) throw error;
    }
    this.end();
  };

  /** The user's sign-ins, on all devices. */
  async list(): Promise<SessionInfo[]> {
    return this.#api.get('/api/auth/sessions');
  }

  /** Ends one of the user's sign-ins. */
  async revoke(id: string): Promise<void> {
    await this.#api.delete('/api/auth/sessions/{session_id}', { path: { session_id: id } });
  }

  /** Takes note that nobody is signed in any more. */
  end(): void {
    const { user } = this;
    if (user !== null) {
      this.user = null;
      this.status = 'signed_out';
      this.#events.signedOut(user);
    } else if (this.status === 'signed_out') {
      return;
    }
    this.#lookingAround ??= this.#lookAround().finally(() => (this.#lookingAround = null));
  }

  #begin(user: User): void {
    this.error = null;
    if (this.user?.id === user.id) {
      this.user = user;
      return;
    }
    if (this.user !== null) this.#events.signedOut(this.user);
    this.firstRun = false;
    this.user = user;
    this.status = 'signed_in';
    this.#events.signedIn(user);
  }

  /** Asks the server what a stranger can do here, before a first page is shown to one. */
  async #lookAround(): Promise<void> {
    try {
      const { first_run, registration } = await this.#api.get('/api/instance');
      this.firstRun = first_run;
      this.registration = registration;
      this.error = null;
    } catch (error) {
      // Somebody who was signed in a moment ago has an account: the usual page will do.
      if (this.status === 'loading') this.error = asProblem(error);
      return;
    }
    if (this.status === 'loading') this.status = 'signed_out';
  }
}
