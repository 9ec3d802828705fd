/** What people can do when a device cannot be notified. */

/** What is known of the browser. */
export interface Surroundings {
  userAgent: string;
  /** Points of the touch screen; an iPad calls itself a Macintosh, but has some. */
  maxTouchPoints: number;
  /** Whether the page came by https, or from this machine. */
  isSecureContext: boolean;
  /** Whether the page was opened from the home screen. */
  standalone: boolean;
}

/** The browser of this page. */
export function surroundings(): Surroundings {
  return {
    userAgent: navigator.userAgent,
    maxTouchPoints: navigator.maxTouchPoints,
    isSecureContext: window.isSecureContext,
    standalone: matchMedia('(display-mode: standalone)').matches,
  };
}

/** Why there are no notifications here, and what would change that. */
export function adviceWhenUnsupported(where: Surroundings): string {
  if (!where.isSecureContext) {
    return 'Browsers notify only from pages that came by https, and this one came by http. Ask whoever runs this server to set up https.';
  }
  if (isApplePhone(where) && !where.standalone) {
    return 'On iPhone and iPad, add Chatalot to the home screen first: tap Share, then “Add to Home Screen”, and open it from there.';
  }
  return 'This browser has no Web Push, or it is turned off, as in private windows. An up-to-date Firefox, Chrome, Edge or Safari has it.';
}

/** Where a permission that was denied is given back. */
export function adviceWhenDenied(where: Surroundings): string {
  const { userAgent } = where;
  if (isApplePhone(where)) {
    return 'Notifications of Chatalot are blocked. Open the Settings of the device, then Notifications, then Chatalot, and allow them.';
  }
  if (/\bAndroid\b/.test(userAgent)) {
    return 'Notifications of this site are blocked. Tap the icon left of the address, then Permissions, and allow notifications.';
  }
  if (/\bFirefox\//.test(userAgent)) {
    return 'Notifications of this site are blocked. Click the icon for permissions left of the address, and clear “Send notifications: Blocked”.';
  }
  if (/Chrom(e|ium)\//.test(userAgent)) {
    return 'Notifications of this site are blocked. Click the icon left of the address, open the site settings, and allow notifications.';
  }
  if (/\bSafari\//.test(userAgent)) {
    return 'Notifications of this site are blocked. Open Safari’s Settings, then Websites, then Notifications, and allow this site.';
  }
  return 'Notifications of this site are blocked. Allow them in the settings of this browser.';
}

function isApplePhone({ userAgent, maxTouchPoints }: Surroundings): boolean {
  return (
    /\b(iPhone|iPad|iPod)\b/.test(userAgent) ||
    (/\bMacintosh\b/.test(userAgent) && maxTouchPoints > 1)
  );
}
