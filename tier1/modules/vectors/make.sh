#!/bin/sh
# Makes the files of this folder: resources by GNU windres, put into programs by GNU ld (Debian: binutils-mingw-w64-i686 and
# binutils-mingw-w64-x86-64, and gcc-mingw-w64-i686 as preprocessor; nothing else is in them). Usage: sh make.sh, in this folder.
set -eu
# All versions and texts are invented, but for the builds that docs/doctor.md names.
# file, bits, version, product version, description
one() {
  numbers=$(echo "$3" | tr . ,)
  product=$(echo "$4" | tr . ,)
  cat > r.rc <<RC
1 VERSIONINFO
FILEVERSION $numbers
PRODUCTVERSION $product
BEGIN
  BLOCK "StringFileInfo"
  BEGIN
    BLOCK "040904B0"
    BEGIN
      VALUE "FileDescription", "$5"
      VALUE "FileVersion", "$3"
      VALUE "ProductVersion", "$4"
    END
  END
  BLOCK "VarFileInfo"
  BEGIN
    VALUE "Translation", 0x409, 1200
  END
END
RC
  case $2 in
    32) tool=i686-w64-mingw32; format=pei-i386 ;;
    64) tool=x86_64-w64-mingw32; format=pei-x86-64 ;;
  esac
  $tool-windres --preprocessor=i686-w64-mingw32-gcc --preprocessor-arg=-E --preprocessor-arg=-xc-header --preprocessor-arg=-DRC_INVOKED r.rc r.o
  mkdir -p "$(dirname "$1")"
  $tool-ld --dll --no-insert-timestamp --entry 0 -s -o "$1" r.o
  rm r.rc r.o
}
# A 56-bit server that a rollup gave two 128-bit modules.
one mixed/Schannel.dll 32 4.87.1961.1878 4.87.1961.1878 "TLS / SSL Security Provider (US and Canada Use Only)"
one mixed/Ntlmssps.dll 32 4.0.1381.7109 4.0.1381.7109 "NT LM Security Support Provider (Export Version)"
one mixed/SECURITY.DLL 32 4.0.1381.7109 4.0.1381.7109 "Security Support Provider Interface (Export Version)"
one strong/schannel.dll 32 4.87.1961.1878 4.87.1961.1878 "TLS / SSL Security Provider (US and Canada Use Only)"
one strong/ntlmssps.dll 64 4.0.1381.7110 4.0.1381.7110 "NT LM Security Support Provider (US/Canada Only, Not for Export)"
one weak/schannel.dll 32 4.87.1961.1877 4.87.1961.1877 "TLS / SSL Security Provider (Export Version)"
one weak/ntlmssps.dll 32 4.0.1381.7109 4.0.1381.7109 "NT LM Security Support Provider (Export Version)"
# An MTA of which the update reached two modules.
for name in ems_rid.dll Emsmta.exe MTACHECK.EXE mtamsg.dll mtaperf.dll x400om.dll; do
  case $name in
    Emsmta.exe|x400om.dll) version=5.5.2655.1 ;;
    *) version=5.5.2653.13 ;;
  esac
  one "half/$name" 32 $version 5.5.2653.23 "Microsoft Exchange Server MTA"
  one "whole/$name" 32 5.5.2655.9 5.5.2653.23 "Microsoft Exchange Server MTA"
done
one whole/mad.exe 32 5.5.2653.23 5.5.2653.23 "Microsoft Exchange System Attendant"
one half/mad.exe 32 5.5.2650.24 5.5.2650.24 "Microsoft Exchange System Attendant"
