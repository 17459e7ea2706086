# Installs @PROGRAM@ @VERSION@ for one user.
#
#   .\install.ps1              install it, or upgrade what is installed
#   .\install.ps1 -Uninstall   remove it
#
# Variables:
#   @VARIABLE@_PREFIX     folder that it goes to; default %LOCALAPPDATA%\Programs\@PROGRAM@
#   @VARIABLE@_DOWNLOADS  URL of the folder that holds the archives, for a mirror; default
#                         @DOWNLOADS@
#
# What is downloaded is checked against the SHA-256 that stands below, and takes the place of an
# older version at the very end: an interrupted run changes nothing.
[CmdletBinding()]
param([switch] $Uninstall)

Set-StrictMode -Version Latest
$ErrorActionPreference = "Stop"
$ProgressPreference = "SilentlyContinue" # its bar makes downloads many times slower

$Program = "@PROGRAM@"
$Version = "@VERSION@"
$Platforms = @{
@PLATFORMS@
}

$Prefix = $env:@VARIABLE@_PREFIX
if (-not $Prefix) { $Prefix = Join-Path $env:LOCALAPPDATA "Programs\$Program" }
$Downloads = $env:@VARIABLE@_DOWNLOADS
if (-not $Downloads) { $Downloads = "@DOWNLOADS@" }
$Target = Join-Path $Prefix "$Program.exe"
$Notices = Join-Path $Prefix "@NOTICES@"

function Get-Platform {
    # On Windows on Arm, a translated shell sees its own processor; x64 programs run there too.
    $known = "windows-amd64"
    if (-not [Environment]::Is64BitOperatingSystem) { throw "$Program needs a 64-bit Windows" }
    if (-not $Platforms.ContainsKey($known)) { throw "$Program $Version is not published for $known" }
    return $Platforms[$known]
}

function Get-InstalledVersion {
    if (-not (Test-Path -LiteralPath $Target)) { return "" }
    $line = (& $Target --version 2>$null | Select-Object -First 1)
    if (-not $line) { return "" }
    return "$line".Substring("$Program ".Length).Trim()
}

function Remove-Program {
    if (-not (Test-Path -LiteralPath $Target)) {
        Write-Output "$Program is not installed in $Prefix"
        return
    }
    Remove-Item -LiteralPath $Target -Force
    if (Test-Path -LiteralPath $Notices) { Remove-Item -LiteralPath $Notices -Force }
    $path = [Environment]::GetEnvironmentVariable("Path", "User")
    $kept = @($path -split ";" | Where-Object { $_ -and $_ -ne $Prefix }) -join ";"
    if ($kept -ne $path) { [Environment]::SetEnvironmentVariable("Path", $kept, "User") }
    Write-Output "removed $Target"
}

function Install-Program {
    $platform = Get-Platform
    $before = Get-InstalledVersion
    if ($before -eq $Version) {
        Write-Output "$Program $Version is installed already: $Target"
        return
    }

    New-Item -ItemType Directory -Force -Path $Prefix | Out-Null
    # Beside its target, so that the last step is a rename.
    $work = Join-Path $Prefix (".install-" + [Guid]::NewGuid())
    New-Item -ItemType Directory -Path $work | Out-Null
    try {
        $archive = Join-Path $work $platform.Archive
        $url = "$Downloads/$($platform.Archive)"
        Write-Output "downloading $url"
        [Net.ServicePointManager]::SecurityProtocol = [Net.SecurityProtocolType]::Tls12
        try { Invoke-WebRequest -UseBasicParsing -Uri $url -OutFile $archive }
        catch { throw "$url could not be downloaded ($_): check the network, or set @VARIABLE@_DOWNLOADS to a mirror" }
        $found = (Get-FileHash -LiteralPath $archive -Algorithm SHA256).Hash.ToLowerInvariant()
        if ($found -ne $platform.Sha256) {
            throw "$($platform.Archive) is damaged or is another file: its SHA-256 is $found, not $($platform.Sha256); nothing was changed"
        }
        Expand-Archive -LiteralPath $archive -DestinationPath $work
        $new = Join-Path $work "$Program.exe"
        & $new --version | Out-Null
        if ($LASTEXITCODE -ne 0) { throw "$Program $Version does not start on this system; nothing was changed" }
        Move-Item -Force -LiteralPath (Join-Path $work "@NOTICES@") -Destination $Notices
        # A program that runs can't be replaced, but it can be renamed.
        $old = Join-Path $work "old.exe"
        if (Test-Path -LiteralPath $Target) { Move-Item -LiteralPath $Target -Destination $old }
        try { Move-Item -LiteralPath $new -Destination $Target }
        catch {
            if (Test-Path -LiteralPath $old) { Move-Item -LiteralPath $old -Destination $Target }
            throw
        }
    }
    finally { Remove-Item -Recurse -Force -LiteralPath $work -ErrorAction SilentlyContinue }

    if ($before) { Write-Output "upgraded $Program from $before to ${Version}: $Target" }
    else { Write-Output "installed $Program ${Version}: $Target" }
    $path = [Environment]::GetEnvironmentVariable("Path", "User")
    if (@($path -split ";") -notcontains $Prefix) {
        [Environment]::SetEnvironmentVariable("Path", (@($path, $Prefix) | Where-Object { $_ }) -join ";", "User")
        Write-Output "added $Prefix to your PATH; new terminals see it"
    }
}

if ($Uninstall) { Remove-Program } else { Install-Program }
