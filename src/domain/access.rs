//! Who may do what: one place for every permission.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A member's role in a community, lowest first, so that roles compare by rank.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Reads and joins public channels.
    Member,
    /// Manages channels, webhooks, invites and members.
    Admin,
    /// The one who may also delete the community and change roles.
    Owner,
}

impl Role {
    /// Whether the role manages channels, webhooks, invites and members.
    #[must_use]
    pub fn administers(self) -> bool {
        self >= Self::Admin
    }

    /// Whether someone of this role may remove a member of role `other`: only of lower rank.
    #[must_use]
    pub fn may_remove(self, other: Self) -> bool {
        self.administers() && self > other
    }

    /// The word stored and shown.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Member => "member",
            Self::Admin => "admin",
            Self::Owner => "owner",
        }
    }

    /// Reads the stored word.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Member, Self::Admin, Self::Owner]
            .into_iter()
            .find(|role| role.as_str() == word)
    }
}

/// What a caller's relation to a channel is, and what follows from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChannelAccess {
    /// The caller's role in the channel's community; `None` outside it.
    pub role: Option<Role>,
    /// Whether the channel is private.
    pub private: bool,
    /// Whether the caller is in the channel.
    pub member: bool,
}

impl ChannelAccess {
    /// Whether the channel exists at all for the caller.
    #[must_use]
    pub fn sees(self) -> bool {
        self.role
            .is_some_and(|role| !self.private || self.member || role.administers())
    }

    /// Whether the caller may read messages: being in it is required, even of admins.
    #[must_use]
    pub fn reads(self) -> bool {
        self.role.is_some() && self.member
    }

    /// Whether the caller manages the channel, its members and its webhooks.
    #[must_use]
    pub fn administers(self) -> bool {
        self.role.is_some_and(Role::administers)
    }

    /// Whether the caller may join by their own choice.
    #[must_use]
    pub fn may_join(self) -> bool {
        self.sees() && (!self.private || self.member || self.administers())
    }
}

/// Why a change of members is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The caller may not know of it, or it does not exist.
    NotFound,
    /// The caller sees it but may not do this.
    Forbidden,
    /// A community always has its owner, who hands over before leaving.
    OwnerStays,
}

/// What an allowed change of a role means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RoleChange {
    /// The member gets the role.
    Set(Role),
    /// The member becomes the owner, and the caller an admin.
    HandOver,
}

/// Decides whether a caller of role `caller` may give `to` to a member of role `target`.
///
/// # Errors
/// Says why not.
pub fn decide_role_change(
    caller: Option<Role>,
    target: Option<Role>,
    to: Role,
) -> Result<RoleChange, Refusal> {
    match (caller, target) {
        (None, _) => Err(Refusal::NotFound),
        (Some(Role::Member | Role::Admin), _) => Err(Refusal::Forbidden),
        (Some(Role::Owner), None) => Err(Refusal::NotFound),
        // Only the owner themselves can be the owner's target: there is one.
        (Some(Role::Owner), Some(Role::Owner)) if to == Role::Owner => {
            Ok(RoleChange::Set(Role::Owner))
        }
        (Some(Role::Owner), Some(Role::Owner)) => Err(Refusal::OwnerStays),
        (Some(Role::Owner), Some(_)) if to == Role::Owner => Ok(RoleChange::HandOver),
        (Some(Role::Owner), Some(_)) => Ok(RoleChange::Set(to)),
    }
}

/// Decides whether a caller may remove a member; `same` when they leave by themselves.
///
/// # Errors
/// Says why not.
pub fn decide_removal(
    caller: Option<Role>,
    target: Option<Role>,
    same: bool,
) -> Result<(), Refusal> {
    match (caller, target) {
        (None, _) => Err(Refusal::NotFound),
        (Some(Role::Owner), Some(Role::Owner)) => Err(Refusal::OwnerStays),
        (Some(_), _) if same => Ok(()),
        (Some(role), _) if !role.administers() => Err(Refusal::Forbidden),
        (Some(_), None) => Err(Refusal::NotFound),
        (Some(role), Some(target)) if role.may_remove(target) => Ok(()),
        (Some(_), Some(_)) => Err(Refusal::Forbidden),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_owner_changes_roles_and_hands_the_community_over() {
        let (owner, admin, member) = (Some(Role::Owner), Some(Role::Admin), Some(Role::Member));
        assert_eq!(
            decide_role_change(owner, member, Role::Admin),
            Ok(RoleChange::Set(Role::Admin))
        );
        assert_eq!(
            decide_role_change(owner, admin, Role::Owner),
            Ok(RoleChange::HandOver)
        );
        assert_eq!(
            decide_role_change(owner, owner, Role::Admin),
            Err(Refusal::OwnerStays)
        );
        assert_eq!(
            decide_role_change(owner, None, Role::Admin),
            Err(Refusal::NotFound)
        );
        assert_eq!(
            decide_role_change(admin, member, Role::Admin),
            Err(Refusal::Forbidden)
        );
        assert_eq!(
            decide_role_change(None, member, Role::Admin),
            Err(Refusal::NotFound)
        );
    }

    #[test]
    fn the_owner_cannot_leave_and_nobody_removes_an_equal() {
        let (owner, admin, member) = (Some(Role::Owner), Some(Role::Admin), Some(Role::Member));
        assert_eq!(decide_removal(owner, owner, true), Err(Refusal::OwnerStays));
        assert_eq!(decide_removal(member, member, true), Ok(()));
        assert_eq!(
            decide_removal(member, member, false),
            Err(Refusal::Forbidden)
        );
        assert_eq!(decide_removal(admin, member, false), Ok(()));
        assert_eq!(decide_removal(admin, admin, false), Err(Refusal::Forbidden));
        assert_eq!(decide_removal(admin, owner, false), Err(Refusal::Forbidden));
        assert_eq!(decide_removal(None, member, false), Err(Refusal::NotFound));
    }

    fn access(role: Option<Role>, private: bool, member: bool) -> ChannelAccess {
        ChannelAccess {
            role,
            private,
            member,
        }
    }

    #[test]
    fn an_outsider_sees_nothing_even_of_public_channels() {
        assert!(!access(None, false, false).sees());
        assert!(!access(None, false, true).reads());
    }

    #[test]
    fn an_admin_sees_a_private_channel_but_reads_it_only_from_inside() {
        let outside = access(Some(Role::Admin), true, false);
        assert!(outside.sees() && outside.administers() && outside.may_join() && !outside.reads());
        assert!(access(Some(Role::Admin), true, true).reads());
    }

    #[test]
    fn a_member_neither_sees_nor_joins_a_private_channel_uninvited() {
        let outside = access(Some(Role::Member), true, false);
        assert!(!outside.sees() && !outside.may_join());
        assert!(access(Some(Role::Member), true, true).sees());
        assert!(!access(Some(Role::Member), true, true).administers());
    }

    #[test]
    fn only_a_lower_rank_can_be_removed() {
        assert!(Role::Owner.may_remove(Role::Admin) && Role::Admin.may_remove(Role::Member));
        assert!(!Role::Admin.may_remove(Role::Admin) && !Role::Admin.may_remove(Role::Owner));
        assert!(!Role::Member.may_remove(Role::Member));
    }
}
