/** What is open over the frame, and what of the frame is shown. */

/** The sections of the channel settings card. */
export type ChannelSettingsSection = 'general' | 'members' | 'webhooks';
/** The sections of the community settings. */
export type CommunitySettingsSection = 'general' | 'members' | 'invites' | 'leave';

/** What is open. One dialog of the frame is open at a time: opening one closes the others. */
export class Ui {
  channelSettings = $state.raw<{ channelId: string; section?: ChannelSettingsSection } | null>(
    null,
  );
  communitySettings = $state.raw<{
    communityId: string;
    section?: CommunitySettingsSection;
  } | null>(null);
  /** The community that a channel is being made in. */
  createChannel = $state<string | null>(null);
  createCommunity = $state(false);
  switcher = $state(false);
  /** What was typed into the switcher. */
  switcherText = $state('');
  shortcuts = $state(false);
  notifications = $state(false);
  /** Whether encryption is being set up, or this device unlocked. */
  encryption = $state(false);
  /** Whether the user wants to hear no more, on this page, of what encryption lacks. */
  encryptionPutOff = $state(false);
  /** Whether the sidebar lies over the channel, on narrow screens. */
  sidebarDrawer = $state(false);
  membersShown = $state(true);
  /** Something that happened to what people were looking at, in one sentence. */
  notice = $state<string | null>(null);

  openChannelSettings(channelId: string, section?: ChannelSettingsSection): void {
    this.closeDialogs();
    this.channelSettings = section ? { channelId, section } : { channelId };
  }

  closeChannelSettings(): void {
    this.channelSettings = null;
  }

  openCommunitySettings(communityId: string, section?: CommunitySettingsSection): void {
    this.closeDialogs();
    this.communitySettings = section ? { communityId, section } : { communityId };
  }

  closeCommunitySettings(): void {
    this.communitySettings = null;
  }

  openCreateChannel(communityId: string): void {
    this.closeDialogs();
    this.createChannel = communityId;
  }

  closeCreateChannel(): void {
    this.createChannel = null;
  }

  openCreateCommunity(): void {
    this.closeDialogs();
    this.createCommunity = true;
  }

  closeCreateCommunity(): void {
    this.createCommunity = false;
  }

  openSwitcher(): void {
    this.closeDialogs();
    this.switcher = true;
  }

  closeSwitcher(): void {
    this.switcher = false;
    this.switcherText = '';
  }

  openShortcuts(): void {
    this.closeDialogs();
    this.shortcuts = true;
  }

  closeShortcuts(): void {
    this.shortcuts = false;
  }

  toggleNotifications(): void {
    const open = !this.notifications;
    this.closeDialogs();
    this.notifications = open;
  }

  closeNotifications(): void {
    this.notifications = false;
  }

  openEncryption(): void {
    this.closeDialogs();
    this.encryption = true;
  }

  closeEncryption(): void {
    this.encryption = false;
  }

  putOffEncryption(): void {
    this.encryptionPutOff = true;
  }

  openSidebarDrawer(): void {
    this.sidebarDrawer = true;
  }

  closeSidebarDrawer(): void {
    this.sidebarDrawer = false;
  }

  toggleMembers(): void {
    this.membersShown = !this.membersShown;
  }

  /** A part of the page could not be fetched. */
  noteMissing(): void {
    this.notice = 'This could not be loaded. If it happens again, reload the page.';
  }

  dismissNotice(): void {
    this.notice = null;
  }

  /** Nobody is signed in any more, or somebody else. */
  reset(): void {
    this.closeDialogs();
    this.encryptionPutOff = false;
  }

  /** Closes everything that lies over the frame. */
  closeDialogs(): void {
    this.channelSettings = null;
    this.communitySettings = null;
    this.createChannel = null;
    this.createCommunity = false;
    this.closeSwitcher();
    this.shortcuts = false;
    this.notifications = false;
    this.encryption = false;
  }
}
