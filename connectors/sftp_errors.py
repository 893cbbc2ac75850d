"""From asyncssh's exceptions to transport codes: by type and number, never by text.

Only the exception's type goes into the technical text; what a server writes is not repeated.
"""

import errno

import asyncssh

from domain.transport import TransportCode, TransportError

SFTP_ABSENT = (asyncssh.SFTPNoSuchFile, asyncssh.SFTPNoSuchPath)

_BY_TYPE: tuple[tuple[type[BaseException], TransportCode], ...] = (
    (asyncssh.SFTPPermissionDenied, TransportCode.PERMISSION_DENIED),
    (asyncssh.SFTPWriteProtect, TransportCode.PERMISSION_DENIED),
    (asyncssh.SFTPNoSuchFile, TransportCode.FOLDER_NOT_FOUND),
    (asyncssh.SFTPNoSuchPath, TransportCode.FOLDER_NOT_FOUND),
    (asyncssh.SFTPNotADirectory, TransportCode.FOLDER_NOT_FOUND),
    (asyncssh.SFTPNoSpaceOnFilesystem, TransportCode.DISK_FULL),
    (asyncssh.SFTPQuotaExceeded, TransportCode.DISK_FULL),
    (asyncssh.SFTPNoConnection, TransportCode.CONNECTION_LOST),
    (asyncssh.SFTPConnectionLost, TransportCode.CONNECTION_LOST),
    (asyncssh.PermissionDenied, TransportCode.AUTHENTICATION_FAILED),
    (asyncssh.KeyExchangeFailed, TransportCode.SERVER_ERROR),
    (asyncssh.ProtocolError, TransportCode.SERVER_ERROR),
    (asyncssh.DisconnectError, TransportCode.CONNECTION_LOST),
    (TimeoutError, TransportCode.CONNECTION_TIMEOUT),  # an OSError too: before those
    (ConnectionRefusedError, TransportCode.CONNECTION_REFUSED),
    (ConnectionError, TransportCode.CONNECTION_LOST),
)

_BY_ERRNO = {
    errno.EHOSTUNREACH: TransportCode.CONNECTION_REFUSED,
    errno.ENETUNREACH: TransportCode.CONNECTION_REFUSED,
    errno.EADDRNOTAVAIL: TransportCode.CONNECTION_REFUSED,
}

CAUGHT = (asyncssh.Error, OSError, TimeoutError)


def transport_error(error: BaseException, step: str) -> TransportError:
    """The row of the table for `error`; SERVER_ERROR when it says nothing more."""
    technical = f"{step}: {type(error).__name__}"
    for kind, code in _BY_TYPE:
        if isinstance(error, kind):
            return TransportError(code, technical)
    if isinstance(error, OSError) and error.errno in _BY_ERRNO:
        return TransportError(_BY_ERRNO[error.errno], technical)
    return TransportError(TransportCode.SERVER_ERROR, technical)
